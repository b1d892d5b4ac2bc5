#!/bin/sh
# Rebuilds the model that comes with groundcast from nothing: the planet's pictures, the teacher, `sandbox` and beside it
# `sandbox-paper` and the rows of the ablation, the measures, and last the packed weights in trainer/bundle/sandbox.
# Every step goes on where it stopped, so the same command may be given again. About 50 minutes on two cores for the
# pictures, the teacher and the model; `ablation` as a second argument adds the other rows.
#
#     sh tools/rebuild_sandbox_model.sh FOLDER [ablation]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
folder=$1
mkdir -p "$folder"
cd "$folder"
export PYTHONPATH="$here"
groundcast() { "$python" -m search_ui.cli --home "$folder/home" "$@"; }
both="train=shards/train val=shards/val"

groundcast sandbox shards shards
groundcast train teacher $both out=runs/teacher
groundcast train sandbox $both teacher=runs/teacher/model out=runs/strong
if [ "${2:-}" = ablation ]; then
    groundcast train sandbox-paper $both teacher=runs/teacher/model out=runs/paper
    groundcast train sandbox $both teacher=runs/teacher/model out=runs/no-e encoding=none
    groundcast train sandbox $both teacher=runs/teacher/model out=runs/e-no-dropout \
        mask_place=0 mask_date=0 mask_hour=0 mask_all=0
    groundcast evaluate runs shards -o measures
else
    groundcast evaluate runs/strong shards -o measures
fi
"$python" - <<'EOF'
from pathlib import Path

from trainer.bundled import NAME, bundle_folder, pack_bundled

meta = pack_bundled(Path("runs/strong/model"), bundle_folder() / NAME)
print(f"packed {meta.model_id} into {bundle_folder() / NAME}")
EOF
