"""`nightdesk doctor` says what is stopped."""

from pathlib import Path

from adapters.sql.store import open_store
from bot.diagnosis import Diagnosis, State, healthy
from bot.doctor.examination import examine
from bot.environ import load_settings
from bot.settings import Settings
from runtime.ids import AgentName, StopId, TimeOrderedIds
from runtime.model.stop import Stop, StopKind
from tests.support.build import ANN
from tests.support.clock import ManualClock


def _load(home: Path) -> Settings:
    (home / "nightdesk.toml").write_text('[team]\ntimezone = "Europe/Berlin"\n')
    return load_settings({"HOME": str(home), "NIGHTDESK_HTTP__PORT": "0"}, cwd=home)


async def _stops(home: Path, clock: ManualClock) -> list[Diagnosis]:
    findings = await examine(lambda: _load(home), clock)
    return [finding for finding in findings if finding.layer == "stop"]


async def test_what_is_stopped_is_found(tmp_path: Path, clock: ManualClock) -> None:
    settings, ids = _load(tmp_path), TimeOrderedIds(clock)
    stop = Stop(
        id=StopId("s"), kind=StopKind.AGENT, agent=AgentName("desk"), by=ANN, at=clock.now()
    )
    async with open_store(
        None, data_dir=settings.data_dir, clock=clock, ids=ids, role="all"
    ) as store:
        await store.stops.order(stop, closing=lambda _: ())
        (found,) = await _stops(tmp_path, clock)
        assert found.state is State.MISSING
        assert healthy([found])
        assert found.found.startswith(f"the agent desk was stopped by {ANN.user}, Mon 5 Jan 2026")
        assert found.todo == "`/resume agent desk`, in a chat, ends that."
        await store.stops.lift(AgentName("desk"), by=ANN, at=clock.now(), key=StopId("r"))
        assert await _stops(tmp_path, clock) == []


async def test_a_stop_that_waits_for_the_next_start_is_found(
    tmp_path: Path, clock: ManualClock
) -> None:
    folder = _load(tmp_path).data_dir
    folder.mkdir(parents=True)
    (folder / "stop").write_text("root")
    (found,) = await _stops(tmp_path, clock)
    assert found.found.startswith("everything was stopped by root, Mon 5 Jan 2026 09:00 CET")
    assert found.todo.endswith(f"remove {folder / 'stop'}.")
