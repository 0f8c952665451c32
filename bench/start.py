"""S8: from start to ready, and memory, before the first model call."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bench import discord, slack, telegram
from bench.child import ROOT, Child
from bench.desk import TEAM_FILE, environment
from bench.load import Answers, Window
from bench.machine import Usage, usage_of
from bench.report import Bound, Figure, Gate, Report
from bench.servers.loading import Loaded
from bench.spread import middle, ratio
from bot.selftest.port import held_port

ROUNDS = 3
_LOOK_EVERY = 0.01
_PATIENCE = 60.0
_LOADING_SECONDS = 6.0
_LOADING_RATE = 50.0
_SLACKS_PATIENCE = 3_000.0
"""Milliseconds until Slack gives a request up and posts it again."""

_FIRST = "nightdesk run, in an empty folder"
_OURS = "nightdesk run, in its folder, with Slack"
_THREE = "nightdesk run, in its folder, with the three platforms"
_EAGER = "import everything"
_AIOHTTP = "import aiohttp.web"
_SDKS = "import the three platforms' SDKs"
_IMPORTS = {
    _SDKS: "import aiohttp.web, slack_sdk.web.async_client, telegram, discord",
    _EAGER: "import aiohttp.web, slack_bolt.async_app, telegram.ext, discord, litellm",
    _AIOHTTP: "import aiohttp.web",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """A process that has just become ready."""

    seconds: float
    usage: Usage


_Rounds = Mapping[str, list[_Start]]


def measure() -> Report:
    """Start, again and again, in turn with what could be imported at once."""
    rounds: dict[str, list[_Start]] = {name: [] for name in (_FIRST, _OURS, _THREE, *_IMPORTS)}
    with Child("bench.servers.platforms") as fake:
        url, telegram_url, discord_url = fake.hear(tuple[str, str, str])
        others = discord.environment(discord_url)
        others |= telegram.environment(telegram_url, "https://desk.example.com")
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(prefix="nightdesk-bench-") as folder:
                (Path(folder) / "nightdesk.toml").write_text(TEAM_FILE)
                for name, also in ((_FIRST, {}), (_OURS, {}), (_THREE, others)):
                    rounds[name].append(_nightdesk(Path(folder), url, also))
            for name, statement in _IMPORTS.items():
                rounds[name].append(_imported(statement))
    return _report(rounds, *_loading())


def _nightdesk(folder: Path, slack_url: str, also: Mapping[str, str]) -> _Start:
    """The program itself, with that data folder, until it says that it is ready."""
    with held_port(slack.HOST) as port:
        return _started(folder, slack_url, also, port)


def _started(folder: Path, slack_url: str, also: Mapping[str, str], port: int) -> _Start:
    environ = environment(folder, slack_url=slack_url)
    environ |= {**also, "PATH": os.defpath, "NIGHTDESK_HTTP__PORT": str(port)}
    command = [sys.executable, "-m", "bot", "run", "--no-terminal"]
    began = time.perf_counter()
    with _running(command, environ) as process:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - began > _PATIENCE:
                raise RuntimeError("nightdesk did not become ready")
            time.sleep(_LOOK_EVERY)
        return _Start(seconds=time.perf_counter() - began, usage=usage_of(process.pid))


def _imported(statement: str) -> _Start:
    """A process that imports, and says so."""
    code = f"{statement}\nprint('ready', flush=True)\ninput()"
    environ = dict(os.environ) | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    began = time.perf_counter()
    with _running([sys.executable, "-c", code], environ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        return _Start(seconds=time.perf_counter() - began, usage=usage_of(process.pid))


@contextmanager
def _running(
    command: Sequence[str], environ: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=15)


def _is_ready(port: int) -> bool:
    connection = HTTPConnection(slack.HOST, port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _loading() -> tuple[Loaded, Answers]:
    """Bring LiteLLM in while Slack goes on posting."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-bench-"))
        load = stack.enter_context(Child("bench.load"))
        gateway = stack.enter_context(Child("bench.servers.loading", folder))
        load.hear(str)
        window = Window(
            port=gateway.hear(int),
            kind="event",
            path=slack.EVENTS,
            first=0,
            seconds=_LOADING_SECONDS,
            rate=_LOADING_RATE,
        )
        gateway.ask("begin", into=type(None))
        answers = load.ask("send", window, into=Answers)
        return gateway.ask("end", into=Loaded), answers


def _report(rounds: _Rounds, loaded: Loaded, answers: Answers) -> Report:
    gates = (
        *_ready(rounds[_OURS], "ready after {} CPU", "and {} with Slack"),
        *_ready(rounds[_THREE], "{} CPU", "and {} with the three platforms"),
        Gate(
            words="loading LiteLLM stalls {}",
            value=loaded.stall,
            bound=Bound.AT_MOST,
            limit=250,
            places=0,
            unit=" ms",
        ),
        Gate(
            words="and misses {}",
            value=answers.refused + answers.lost + (answers.longest > _SLACKS_PATIENCE),
            bound=Bound.AT_MOST,
            limit=0,
            places=0,
        ),
    )
    notes = (
        "`nightdesk run --no-terminal`, from its start until /readyz says that it is ready. The "
        + "settings are read in a child, whose CPU is counted and whose memory is gone by then",
        f"LiteLLM took {loaded.seconds:.1f} s to come in, while {answers.count} events were "
        + f"acknowledged, the slowest after {answers.longest:.0f} ms",
    )
    return Report(id="S8", gates=gates, figures=tuple(_figures(rounds)), notes=notes)


def _ready(starts: Sequence[_Start], cpu: str, memory: str) -> tuple[Gate, Gate]:
    return (
        Gate(
            words=cpu,
            value=middle(starts, lambda one: one.usage.cpu),
            bound=Bound.AT_MOST,
            limit=1,
            unit=" s",
        ),
        Gate(
            words=memory,
            value=middle(starts, lambda one: one.usage.peak),
            bound=Bound.AT_MOST,
            limit=80,
            places=0,
            unit=" MB",
        ),
    )


def _figures(rounds: _Rounds) -> Iterator[Figure]:
    for name, many in rounds.items():
        yield Figure(what=f"{name}: CPU", value=middle(many, lambda o: o.usage.cpu), unit="s")
        yield Figure(what=f"{name}: wall", value=middle(many, lambda o: o.seconds), unit="s")
        yield Figure(
            what=f"{name}: memory",
            value=middle(many, lambda o: o.usage.peak),
            unit="MB at most",
            places=0,
        )
    yield Figure(
        what="against importing everything",
        value=ratio(
            middle(rounds[_EAGER], lambda o: o.usage.cpu),
            middle(rounds[_OURS], lambda o: o.usage.cpu),
        ),
        unit="x less CPU",
        places=1,
    )
