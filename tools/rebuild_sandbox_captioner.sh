#!/bin/sh
# Rebuilds the captioner that comes with groundcast, for the bundled model as it is in trainer/bundle/sandbox: the planet's
# pictures, if they are not in FOLDER/shards yet (tools/rebuild_sandbox_model.sh draws the same), their vectors, the
# captioner, its measures. Every step goes on where it stopped. About 15 minutes on one core, the pictures not counted.
#
#     sh tools/rebuild_sandbox_captioner.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
folder=$1
mkdir -p "$folder"
cd "$folder"
export PYTHONPATH="$here"
groundcast() { "$python" -m search_ui.cli --home "$folder/home" "$@"; }

[ -f shards/truth.parquet ] || groundcast sandbox shards shards
[ -d home/models/sandbox ] || groundcast model add sandbox --bundled
[ -d captioner ] || groundcast captioner train shards/train --val shards/val --model sandbox -o captioner
"$python" -m benchmarks.captions shards/test_strict --captioner captioner
rm -rf "$here/trainer/bundle/captions"
cp -r captioner "$here/trainer/bundle/captions"
