"""What a process that works loads, and the child that reads its settings."""

import subprocess
import sys
import textwrap
import threading

from bot.apart import apart


def program(text: str) -> str:
    """What a program prints; in a process of its own, for the test's may have other threads."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_process_that_works_loads_nothing_that_its_start_does_not_need() -> None:
    loaded = program("""
        import importlib, sys
        for name in ("bot.cli", "bot.program", "bot.lifecycle"):
            importlib.import_module(name)
        print(" ".join(sorted({
            "alembic",          # when a migration is due
            "dateparser",       # when somebody writes a time
            "dbos",             # when a run is started
            "greenlet",         # on Postgres
            "litellm",          # when a model is called
            "prompt_toolkit",   # when a person sits at the terminal
            "psycopg",          # on Postgres
            "pydantic",         # in the child that reads the settings
            "rich",             # when a person sits at the terminal
            "sqlalchemy.dialects.postgresql",
            "sqlalchemy.orm",
            "structlog",        # when a person reads the log
            "typer",            # when a command line has to be read
        } & set(sys.modules))))
    """)
    assert loaded == ""


def test_work_is_done_in_a_child_and_its_result_comes_back() -> None:
    assert (
        program("""
            import os, sys
            from bot.apart import apart

            def work():
                import decimal
                return os.getpid(), {"a": [1]}

            process, value = apart(work)()
            print(process != os.getpid(), value, "decimal" in sys.modules)
        """)
        == "True {'a': [1]} False"
    )


def test_what_is_wrong_comes_back_as_the_error_that_it_is() -> None:
    assert (
        program("""
            from bot.apart import apart
            from runtime.errors import ConfigurationError

            def work():
                raise ConfigurationError("line one\\nline two")

            try:
                apart(work)()
            except ConfigurationError as error:
                print(error)
        """)
        == "line one\nline two"
    )


def test_work_whose_child_dies_is_done_here() -> None:
    assert (
        program("""
            import os
            from bot.apart import apart

            here = os.getpid()

            def work():
                if os.getpid() != here:
                    os.kill(os.getpid(), 9)
                return "done here"

            print(apart(work)())
        """)
        == "done here"
    )


def test_a_mistake_of_ours_is_raised_where_it_can_be_told() -> None:
    assert (
        program("""
            from bot.apart import apart

            try:
                apart(lambda: {}["missing"])()
            except KeyError as error:
                print(error.__traceback__ is not None)
        """)
        == "True"
    )


def test_beside_other_threads_work_is_done_here() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert apart(threading.current_thread)() is threading.current_thread()
    finally:
        stop.set()
        other.join()
