"""discord.py takes 30 MB: only a process that listens at the gateway loads it."""

import subprocess
import sys

from tests.architecture.source import ROOT


def test_nothing_but_the_listener_loads_the_library() -> None:
    program = (
        "import sys\n"
        "import bot.running.lifecycle, bot.parts\n"
        "assert 'bot.platforms.discord' not in sys.modules, 'Discord is loaded where it is off'\n"
        "import bot.platforms.discord\n"
        "assert 'discord' not in sys.modules, 'discord.py is loaded before anybody listens'\n"
        "bot.platforms.discord._listener()\n"
        "assert 'discord' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
