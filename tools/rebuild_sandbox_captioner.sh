#!/bin/sh
# Rebuilds the captioner that comes with groundcast, for the bundled model as it is in trainer/bundle/sandbox: the planet's
# pictures, if they are not in FOLDER/shards yet (tools/rebuild_sandbox_model.sh draws the same), their vectors, the
# captioner, its measures. Every step goes on where it stopped, unless the bundled model is another than it was then. About
# 15 minutes on one core, the pictures not counted.
#
#     sh tools/rebuild_sandbox_captioner.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$folder"
export PYTHONPATH="$here"
home=$folder/captioner-home
groundcast() { "$python" -m search_ui.cli --home "$home" "$@"; }

model=$(cksum < "$here/trainer/bundle/sandbox/meta.json")
[ "$(cat captioner.made-for 2>/dev/null)" = "$model" ] || rm -rf "$home" captioner
echo "$model" > captioner.made-for
[ -f shards/truth.parquet ] || groundcast sandbox shards shards
[ -d "$home/models/sandbox" ] || groundcast model add sandbox --bundled
[ -d captioner ] || groundcast captioner train shards/train --val shards/val --model sandbox -o captioner
"$python" -m benchmarks.captions shards/test_strict --captioner captioner
rm -rf "$here/trainer/bundle/captions"
cp -r captioner "$here/trainer/bundle/captions"
