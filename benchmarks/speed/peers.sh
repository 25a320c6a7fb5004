#!/bin/sh
# An environment of the peers' own: peers.sh PYTHON FOLDER.
# What fails here is missing in the table, which says so; kshot is timed all the same.
set -u
"$1" -m venv "$2" || exit 1
pip="$2/bin/python -m pip install --quiet --disable-pip-version-check"
$pip "setuptools<81" wheel "cython<4" "numpy<2" "pandas<2.3" torch || exit 1
$pip "easyfsl==1.5.*"
$pip "torchopt==0.7.*"
$pip "higher==0.2.*"
# learn2learn ships C that Python 3.11 does not compile: made anew from its Cython sources.
work=$(mktemp -d) && (
    "$2/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation \
        --no-binary :all: --dest "$work" "learn2learn==0.2.0" &&
    tar -xzf "$work"/learn2learn-*.tar.gz -C "$work" && python=$(realpath -s "$2/bin/python") &&
    cd "$work"/learn2learn-*/ && rm -f learn2learn/data/*.c &&
    "$python" setup.py --quiet build_ext bdist_wheel &&
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps dist/*.whl
)
$pip "gym<1" qpth gsutil tqdm requests
rm -rf "$work"
