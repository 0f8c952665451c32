"""What the first message brings in comes in beside the event loop."""

import subprocess
import sys
import textwrap

from runtime.activity import Activity


def test_what_begins_first_is_told_once() -> None:
    activity, told = Activity(), list[str]()
    activity.on_first(lambda: told.append("first"))
    activity.begin()
    activity.begin()
    assert told == ["first"]
    activity.on_first(lambda: told.append("again"))
    activity.on_first(None)
    activity.begin()
    assert told == ["first"]


def test_the_offline_assistant_loads_its_grammar_in_a_thread() -> None:
    text = """
        import asyncio, sys, threading
        from adapters.models.offline import OfflineModel
        from tests.support.models import request

        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "adapters.models.dialogue":
                    print(threading.current_thread() is threading.main_thread())

        async def main():
            async for _ in OfflineModel().stream(request("hello")):
                pass

        sys.meta_path.insert(0, Finder())
        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
