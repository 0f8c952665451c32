"""The health of providers, by the clock."""

import pytest

from adapters.models.scripted import Pause, ScriptedModel, Step
from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelNotRunning,
    ModelOutputUnusable,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
)
from runtime.ids import ModelName
from runtime.model.completion import ModelInfo, ModelRequest
from runtime.routing.providers import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    OPENS_AFTER,
    Providers,
    WatchedModel,
)
from tests.support.clock import ManualClock
from tests.support.models import finished_of, request

A = ModelInfo(name=ModelName("a"), context_tokens=1, provider="openai", credential="k1")
B = ModelInfo(name=ModelName("b"), context_tokens=1, provider="openai", credential="k2")
C = ModelInfo(name=ModelName("c"), context_tokens=1, provider="anthropic", credential="k1")


@pytest.fixture
def providers(clock: ManualClock) -> Providers:
    return Providers(clock, lambda: 0.0)


def fail(providers: Providers, times: int, error: ModelError | None = None) -> None:
    for _ in range(times):
        providers.began(A)
        providers.failed(A, error or ModelUnavailable())


def is_out(providers: Providers, info: ModelInfo) -> bool:
    return bool(providers.known(info).out)


async def test_a_provider_that_fails_again_and_again_is_left_alone_and_tried_once(
    providers: Providers, clock: ManualClock
) -> None:
    fail(providers, OPENS_AFTER - 1)
    assert not is_out(providers, A)
    fail(providers, 1, ModelTimeout())
    assert is_out(providers, A)
    assert is_out(providers, B), "the provider is the same"
    assert not is_out(providers, C)
    assert providers.known(A).wait == FIRST_PAUSE
    await clock.advance(FIRST_PAUSE)
    assert not is_out(providers, A)
    providers.began(A)
    assert is_out(providers, B), "one call tries it, and no other"
    providers.answered(A)
    assert not is_out(providers, B)
    fail(providers, OPENS_AFTER - 1)
    assert not is_out(providers, A), "an answer begins the count anew"


async def test_a_pause_says_its_cause_where_the_server_does_not_run(
    providers: Providers, clock: ManualClock
) -> None:
    fail(providers, OPENS_AFTER, ModelNotRunning())
    silent = "openai on this machine does not answer (is it running?)"
    assert providers.known(A).out == f"{silent}, so it is left alone for 30 s"
    await clock.advance(FIRST_PAUSE)
    providers.began(A)
    assert providers.known(B).out == f"{silent}, and is being tried"
    providers.failed(A, ModelTimeout())
    again = "openai failed again and again, so it is left alone for 60 s"
    assert providers.known(A).out == again, "it runs by now"


async def test_each_pause_is_longer_than_the_last_up_to_an_end(
    providers: Providers, clock: ManualClock
) -> None:
    fail(providers, OPENS_AFTER)
    pauses = []
    for _ in range(8):
        wait = providers.known(A).wait
        assert wait is not None
        pauses.append(wait)
        await clock.advance(wait)
        fail(providers, 1)
    assert pauses == [30, 60, 120, 240, 480, 480, 480, 480]
    assert pauses[-1] == LONGEST_PAUSE


async def test_a_try_that_is_given_up_says_nothing(
    providers: Providers, clock: ManualClock
) -> None:
    fail(providers, OPENS_AFTER)
    await clock.advance(FIRST_PAUSE)
    providers.began(A)
    providers.given_up(A)
    assert not is_out(providers, A)


async def test_a_rate_limit_is_kept_to_for_all_models_of_the_provider(
    providers: Providers, clock: ManualClock
) -> None:
    fail(providers, 1, ModelRateLimited("slow", after=7.0))
    known = providers.known(B)
    assert "asked us to slow down" in known.out
    assert known.wait == 7.0
    await clock.advance(7.0)
    assert not is_out(providers, B)
    providers.began(B)
    assert not is_out(providers, A), "many may come back after a limit"


def test_what_is_no_failure_of_the_provider_does_not_count(providers: Providers) -> None:
    for error in (ContextTooLong(), ModelOutputUnusable()):
        fail(providers, 2 * OPENS_AFTER, error)
    assert not is_out(providers, A)


def test_what_has_no_provider_has_no_health(providers: Providers) -> None:
    info = ModelInfo(name=ModelName("scripted"), context_tokens=1)
    for _ in range(2 * OPENS_AFTER):
        providers.failed(info, ModelKeyRefused())
        providers.failed(info, ModelUnavailable())
    assert not is_out(providers, info)


async def test_a_refused_key_is_out_until_somebody_says_otherwise_and_another_key_is_not(
    providers: Providers, clock: ManualClock
) -> None:
    fail(providers, 1, ModelKeyRefused("status 401"))
    assert is_out(providers, A)
    assert providers.known(A).wait is None
    assert "401" not in providers.known(A).out, "chats are shown this"
    assert not is_out(providers, B)
    await clock.advance(1e6)
    assert is_out(providers, A)
    assert providers.put_back("openai")
    assert not providers.put_back("openai")
    assert not is_out(providers, A)


@pytest.mark.parametrize(
    ("chance", "tries", "error", "seconds"),
    [
        (0.0, 1, ModelUnavailable(), 1.0),
        (0.999999, 1, ModelUnavailable(), 2.0),
        (0.5, 3, ModelTimeout(), 6.0),
        (0.999999, 30, ModelTimeout(), 30.0),
        (0.0, 1, ModelRateLimited(after=40.0), 40.0),
        (0.999999, 1, ModelRateLimited(after=40.0), 44.0),
        (0.0, 2, ModelRateLimited(), 2.0),
    ],
)
def test_waits_are_spread_and_never_shorter_than_was_asked_for(
    clock: ManualClock, chance: float, tries: int, error: ModelError, seconds: float
) -> None:
    wait = Providers(clock, lambda: chance).backoff(tries, error)
    assert wait == pytest.approx(seconds, abs=1e-3)


async def test_how_fast_a_model_answers_is_the_median_of_its_last_calls(
    clock: ManualClock,
) -> None:
    providers = Providers(clock, lambda: 0.0)
    assert providers.latency(A.name) is None
    for seconds in (1.0, 9.0, 2.0):
        providers.spoke(A, seconds)
    assert providers.latency(A.name) == 2.0
    for _ in range(1_000):
        providers.spoke(A, 4.0)
    assert providers.known(A).latency == 4.0
    assert providers.latency(B.name) is None


def scripted(clock: ManualClock, *steps: Step) -> ScriptedModel:
    def script(_: ModelRequest) -> list[Step]:
        return list(steps)

    return ScriptedModel(script, clock=clock)


async def test_a_watched_model_streams_the_same_and_is_measured(clock: ManualClock) -> None:
    providers = Providers(clock, lambda: 0.0)
    watched = WatchedModel(scripted(clock, Pause(0.0), "Hel", "lo"), providers, clock)
    assert (await finished_of(watched, request("hello"))).text == "Hello"
    assert providers.latency(watched.info.name) == 0.0


async def test_a_watched_failure_is_raised_as_it_is(clock: ManualClock) -> None:
    providers = Providers(clock, lambda: 0.0)
    failing = WatchedModel(scripted(clock, "Hel", ModelRateLimited(after=9.0)), providers, clock)
    with pytest.raises(ModelRateLimited):
        await finished_of(failing, request("hello"))
