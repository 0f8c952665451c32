#!/bin/sh
# Print the first interpreter that Nightdesk can run on, or say what is missing. PYTHON=... asks for one by name.
# Each is run, not only looked up: a version manager leaves commands behind that exist and fail.

fits='import sys, sqlite3, ensurepip, venv; sys.exit(
    sys.version_info < (3, 11)
    # The engine of the SQLite adapter needs a newer SQLite from Python 3.12 on.
    or sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42))'

for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    path=$(command -v "$python") || continue
    if "$path" -c "$fits" </dev/null >/dev/null 2>&1; then
        echo "$path"
        exit 0
    fi
done

{
    echo "Nightdesk needs Python 3.11 or newer, with venv and sqlite3 (from Python 3.12 on: SQLite 3.42 or newer)."
    for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        said=$("$python" -c 'import sys, sqlite3, ensurepip
print("Python", sys.version.split()[0], "with SQLite", sqlite3.sqlite_version)' </dev/null 2>/dev/null)
        echo "  $python: ${said:-not there, or without venv or sqlite3}"
    done
    echo "Install one, or name one: make run PYTHON=/path/to/python3"
} >&2
exit 1
