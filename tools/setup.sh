#!/bin/sh
# Makes the virtual environment given as the first argument, with groundcast and all it is developed with.
# Needs Python 3.11 or newer (PYTHON=… chooses one) and, from Debian, python3-venv, libexpat1 and g++, and for the tests
# redis-server, postgresql and chromium; as root it installs those that are missing, otherwise it names the first.
set -eu
venv=${1:-.venv}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "groundcast needs Python 3.11 or newer: install it, or name it: make setup PYTHON=/path/to/python3" >&2
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

python=$(find_python)
"$python" -c 'import ensurepip' 2>/dev/null || need_debian python3-venv
command -v c++ >/dev/null 2>&1 || need_debian g++  # torch.compile builds with it
need_debian redis-server  # tests/services.py starts its own, on a free port; the same with PostgreSQL
need_debian postgresql
need_debian faketime  # a worker whose clock is wrong
need_debian chromium  # the app's tests drive it; its libraries come with it
need_debian libexpat1  # GDAL inside rasterio's and pyogrio's wheels links it
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --upgrade pip
"$venv/bin/python" -m pip install --quiet --constraint constraints.txt --editable '.[dev,bench,served]'
