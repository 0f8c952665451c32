"""The thread that looks after the event loop, and the process that is ended hard."""

import asyncio
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot import stopfile
from bot.commandline import app
from bot.running.hardstop import ENDED_HARD, kill_children
from bot.running.watchdog import Watchdog
from runtime.clock import SystemClock
from runtime.model.stop import StopKind
from tests.support.desk import running_desk
from tests.support.eventually import eventually


async def test_a_loop_that_is_held_is_ended_once_a_stop_is_stored() -> None:
    ended, asked = threading.Event(), list[str]()

    def hard(why: str) -> None:
        asked.append(why)
        ended.set()

    watchdog = Watchdog(asyncio.get_running_loop(), lambda: True, hard)
    watchdog.start()
    try:
        assert ended.wait(30)  # this is what holds the loop
    finally:
        watchdog.close()
    assert "was held" in asked[0]


async def test_a_loop_that_is_held_without_a_stop_is_left_alone() -> None:
    looked, ended = threading.Event(), list[str]()

    def nothing_stored() -> bool:
        looked.set()
        return False

    watchdog = Watchdog(asyncio.get_running_loop(), nothing_stored, ended.append)
    watchdog.start()
    try:
        assert looked.wait(30)
    finally:
        watchdog.close()
    assert ended == []


_ANEW = """
import os, subprocess, sys
from pathlib import Path
from bot.running.hardstop import begin_anew
lives = Path(sys.argv[1])
count = len(lives.read_text().split()) if lives.exists() else 0
child = subprocess.Popen(["sleep", "600"]) if count == 0 else None
with lives.open("a") as file:
    file.write(f"{os.getpid()}:{child.pid if child else 0} ")
if count == 0:
    begin_anew("a test")
"""


def test_a_process_begins_anew_in_its_own_place_and_its_children_are_gone(tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    script = tmp_path / "program.py"
    script.write_text(_ANEW)
    folder = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, str(script), str(lives)],
        env={"PYTHONPATH": str(folder)},
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0
    first, second = lives.read_text().split()
    assert first.partition(":")[0] == second.partition(":")[0]
    assert not _lives(int(first.partition(":")[2]))
    assert ENDED_HARD == 75


def test_children_of_children_are_killed() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE) as sh:
        assert sh.stdout is not None
        grandchild = int(sh.stdout.readline())
        kill_children(sh.pid)
        sh.wait(30)
    assert not _lives(grandchild)


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZXx"


async def test_the_file_of_nightdesk_stop_stops_everything_once(tmp_path: Path) -> None:
    path = tmp_path / stopfile.NAME
    async with running_desk(tmp_path) as desk:
        stopping = desk.desk.stopping
        await stopfile.obey(path, stopping)
        assert not stopping.active
        stopfile.write(path)
        await stopfile.obey(path, stopping)
        (stop,) = stopping.active
        assert stop.kind is StopKind.EVERYTHING
        assert stop.by.platform == "shell"
        assert not stopfile.is_there(path)
        assert "I do not answer this" in await desk.ask("hello")


async def test_what_was_asked_for_before_the_start_was_stopped_then(tmp_path: Path) -> None:
    path = tmp_path / stopfile.NAME
    async with running_desk(tmp_path) as desk:
        now = desk.clock.now()
        stopfile.write(path)
        asked = (now - timedelta(hours=3)).timestamp()
        os.utime(path, (asked, asked))
        await stopfile.obey(path, desk.desk.stopping)
        (stop,) = desk.desk.stopping.active
        assert stop.at == now - timedelta(hours=3)


async def test_a_file_of_the_future_stops_now(tmp_path: Path) -> None:
    path = tmp_path / stopfile.NAME
    async with running_desk(tmp_path) as desk:
        stopfile.write(path)
        later = (desk.clock.now() + timedelta(days=3)).timestamp()
        os.utime(path, (later, later))
        await stopfile.obey(path, desk.desk.stopping)
        (stop,) = desk.desk.stopping.active
        assert stop.at == desk.clock.now()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nightdesk.toml").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_DATA_DIR", str(tmp_path / "desk"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stopfile, "WAIT", 0.1)
    return tmp_path / "desk"


def test_nightdesk_stop_says_where_nothing_takes_it_up_and_that_it_holds(data: Path) -> None:
    data.mkdir()
    result = CliRunner().invoke(app, ["stop"])
    assert result.exit_code == 1
    assert "holds from its next start on" in result.stderr
    assert stopfile.is_there(data / stopfile.NAME)


def test_nightdesk_stop_where_nothing_ever_ran_is_a_clear_message(data: Path) -> None:
    result = CliRunner().invoke(app, ["stop"])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
    assert not data.exists()


async def test_nightdesk_stop_waits_until_the_file_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / stopfile.NAME
    stopfile.write(path)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(stopfile.taken_up(path, SystemClock()))
        path.unlink()
    assert waiting.result()
    await eventually(lambda: not stopfile.is_there(path))
