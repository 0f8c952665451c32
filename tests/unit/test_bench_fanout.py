"""A briefing in simulated time: within the limits, near the least, and passed by answers."""

import pytest

from bench import fanout
from bench.simulated import SimulatedClock, SimulatedLoop, simulate


@pytest.mark.parametrize("platform", fanout._PLATFORMS, ids=lambda each: str(each.name))
def test_pieces_of_a_briefing_break_no_limit_and_hold_no_answer_up(
    platform: fanout._Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "CHANNELS", 120)
    run = fanout._one(platform, 3)
    assert run.refused == 0
    assert run.most <= platform.overall
    assert fanout._over(platform, 3, run) <= 1.0
    assert max(run.answers) <= 0.15


def test_the_least_is_what_a_second_s_worth_at_once_leaves() -> None:
    assert fanout.least(1_000, 50) == 19.0
    assert fanout.least(20, 50) == 0.0


def test_waiting_takes_no_time_in_a_simulated_loop() -> None:
    loop = SimulatedLoop()
    clock = SimulatedClock(loop)

    async def wait() -> float:
        await clock.sleep(3600.0)
        return clock.monotonic()

    assert simulate(wait(), loop) == pytest.approx(3600.0)


def test_what_would_wait_for_ever_is_told() -> None:
    loop = SimulatedLoop()

    async def wait() -> None:
        await loop.create_future()

    with pytest.raises(RuntimeError, match="nothing will ever come"):
        simulate(wait(), loop)
