#!/usr/bin/env bash
# Resolve the locks: one resolution for every platform and every Python from 3.11, with the hashes of the public index.
# uv does it, from an environment of its own that is thrown away; nobody but a maintainer needs it.
set -euo pipefail
cd "$(dirname "$0")"

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$(sh find-python.sh)" -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check 'uv==0.13.*'

# Nothing that this machine is set up with may end up in a lock: no other index, no folder of wheels, no address.
resolve() {
    local input=$1 lock=$2
    shift 2
    env -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS -u UV_DEFAULT_INDEX \
        "$tools/bin/uv" --no-config --quiet pip compile "$input" --output-file "$lock" "$@" ${UPGRADE:+--upgrade} \
        --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links >/dev/null
    echo "$lock: $(grep -c '==' "$lock") packages"
}

resolve run.in run.lock
resolve dev.in dev.lock --constraint run.lock
resolve prove.in prove.lock --constraint dev.lock
resolve model.in model.lock --no-deps
resolve mutate.in mutate.lock --constraint dev.lock

if grep -nE '://|^-|^--(index|find|extra)|@ ' ./*.lock; then
    echo 'A lock names a source. It must hold names, versions and hashes only.' >&2
    exit 1
fi
