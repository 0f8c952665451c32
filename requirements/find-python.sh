#!/bin/sh
# Print the first interpreter that Nightdesk can run on, or say what is missing. PYTHON=... asks for one by name.
# Each is run, not only looked up: a version manager leaves commands behind that exist and fail.

# The database's URL, or what the file of that name has of it: no other command is asked for it, for none may be there.
database=${NIGHTDESK_DATABASE_URL:-}
file=${NIGHTDESK_DATABASE_URL_FILE:-}
if [ -z "$database" ] && [ -f "$file" ] && [ -r "$file" ]; then
    while [ -z "$database" ] && read -r database; do :; done <"$file"
fi

# What adapters/sql/sqlite.py asks of SQLite: from Python 3.12 on the engine needs a newer one. Not on Postgres.
case $database in
    postgres*) needed='(0,)' ;;
    *) needed='(3, 42) if sys.version_info >= (3, 12) else (3, 35)' ;;
esac
fits="import sys, sqlite3, ensurepip, venv
sys.exit(sys.version_info < (3, 11) or sqlite3.sqlite_version_info < ($needed))"
old="import sys, sqlite3
sys.exit(sqlite3.sqlite_version_info >= ((3, 42) if sys.version_info >= (3, 12) else (3, 35)))"

for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    path=$(command -v "$python") || continue
    if "$path" -c "$fits" </dev/null >/dev/null 2>&1; then
        if "$path" -c "$old" </dev/null >/dev/null 2>&1; then
            echo "$python has a SQLite that is too old to keep anything in: it is taken for the Postgres that NIGHTDESK_DATABASE_URL names, or its file." >&2
        fi
        echo "$path"
        exit 0
    fi
done

{
    echo "Nightdesk needs Python 3.11 or newer, with venv and sqlite3 (SQLite 3.35 or newer, from Python 3.12 on 3.42)."
    for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        said=$("$python" -c 'import sys, sqlite3, ensurepip
print("Python", sys.version.split()[0], "with SQLite", sqlite3.sqlite_version)' </dev/null 2>/dev/null)
        echo "  $python: ${said:-not there, or without venv or sqlite3}"
    done
    echo "Install one, or name one: make run PYTHON=/path/to/python3"
    echo "Where only SQLite is too old, Postgres does as well: NIGHTDESK_DATABASE_URL=postgresql://..."
} >&2
exit 1
