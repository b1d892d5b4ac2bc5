#!/bin/sh
# Rebuilds the model that comes with groundcast from nothing: the planet's pictures, its panels (the same tiles through
# year, week and day), the teacher, and the same once more with photos of all hours alike, `sandbox`, `sandbox-fine` that
# goes on from it and is refitted on the panels, the measures, and last the packed weights in trainer/bundle/sandbox. Every
# step goes on where it stopped, so the same command may be given again. On two cores the pictures take 13 minutes, the
# panels 7, the teacher 23 and 5, `sandbox` 18 and `sandbox-fine` one to two hours, if the processor has bfloat16
# (AVX512-BF16, AMX); else give it precision=float32 and twice the time. Training holds 5 GB; once it grew to 20 within half
# an hour and had to be begun again from its last state.
#
# As a second argument, `moments` makes anew only what a moment changes: the tower of tiles stays to the bit, that of
# photos goes on in the dark, e and M are fitted to the panels; half an hour. `photos` makes anew only how photos are
# compared (trainer/photo_projection.py): ten minutes, most of them the panels' own. `ablation` adds `sandbox-paper` and
# the other rows. Then the captioner (tools/rebuild_sandbox_captioner.sh), the constants of
# search_ui/search/relevance/calibration.py (benchmarks/relevance.py) and those of search_ui/search/posterior.py
# (benchmarks/photo_time.py) must be made anew: they belong to one model; after `photos` the last alone.
#
#     sh tools/rebuild_sandbox_model.sh FOLDER [moments|photos|ablation]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$folder"
export PYTHONPATH="$here"
groundcast() { "$python" -m search_ui.cli --home "$folder/home" "$@"; }
pack() { # CHECKPOINT
    "$python" - "$1" <<'EOF'
import sys
from pathlib import Path

from trainer.bundled import NAME, bundle_folder, pack_bundled

meta = pack_bundled(Path(sys.argv[1]), bundle_folder() / NAME)
print(f"packed {meta.model_id} into {bundle_folder() / NAME}")
EOF
}
both="train=shards/train val=shards/val"
# Where jemalloc is installed it keeps the memory of tensors that come and go: training is half as fast again.
jemalloc=$(ldconfig -p 2>/dev/null | awk '/libjemalloc/ { print $NF; exit }')
if [ -n "$jemalloc" ]; then
    export LD_PRELOAD="$jemalloc" MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always
fi

groundcast sandbox panels panels
if [ "${2:-}" = moments ]; then
    [ -d before ] || "$python" -c 'from pathlib import Path
from trainer.bundled import add_bundled
add_bundled(Path("before"))'
    groundcast train teacher-dark train=panels/photos init=before eval_every=0 out=runs/dark
    [ -d moments ] || groundcast moments before panels --teacher runs/dark/model -o moments
    "$python" -m benchmarks.moments --model moments --before before --panels panels --photos 8 --work measures
    pack moments
    exit
fi
if [ "${2:-}" = photos ]; then
    rm -rf bundled # of an earlier time, which may be another model
    "$python" -c 'from pathlib import Path
from trainer.bundled import add_bundled
from trainer.embedder import Embedder
from trainer.training.panels import panels_of
from trainer.training.photo_projection import learn_photo_projection as learn
model = Path("bundled")
add_bundled(model)
learn(model, panels_of(Path("panels"), Embedder.load(model, precision="float32")))'
    "$python" -m benchmarks.moments --model bundled --work measures
    pack bundled
    exit
fi
groundcast sandbox shards shards
groundcast train teacher $both out=runs/teacher-by-day
groundcast train teacher-dark train=panels/photos val=shards/val init=runs/teacher-by-day/model out=runs/teacher
groundcast train sandbox $both teacher=runs/teacher/model out=runs/strong
groundcast train sandbox-fine $both panels=panels teacher=runs/teacher/model init=runs/strong/model out=runs/fine
if [ "${2:-}" = ablation ]; then
    groundcast train sandbox-paper $both teacher=runs/teacher/model out=runs/paper
    groundcast train sandbox $both teacher=runs/teacher/model out=runs/no-e encoding=none
    groundcast train sandbox $both teacher=runs/teacher/model out=runs/e-no-dropout \
        mask_place=0 mask_date=0 mask_hour=0 mask_weekday=0 mask_all=0
    groundcast train sandbox $both teacher=runs/teacher/model out=runs/additive interaction=none rank=0
    groundcast train sandbox $both teacher=runs/teacher/model out=runs/diagonal interaction=diagonal
    groundcast train sandbox $both teacher=runs/teacher/model out=runs/untied interaction=untied
    groundcast evaluate runs shards -o measures
else
    groundcast evaluate runs/fine shards -o measures
fi
"$python" -m benchmarks.moments --model runs/fine/model --panels panels --work measures/moments
"$python" -c 'from pathlib import Path; from trainer.languages import learn_languages as learn; learn(Path("runs/fine/model"))'
pack runs/fine/model
"$python" -m tools.bundled_novelty
