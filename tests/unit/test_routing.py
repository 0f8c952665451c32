"""Asking models: falling back, waiting, telling once, and saying why."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from adapters.memory.store import MemoryStore
from runtime.context import length_of
from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelMissing,
    ModelNotRunning,
    ModelOutputUnusable,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
    Refused,
    StorageUnavailable,
)
from runtime.ids import ConversationId, ModelName, TimeOrderedIds, TurnId
from runtime.model.address import ThreadRef
from runtime.model.choice import Need, Phase
from runtime.model.completion import Finished
from runtime.model.team import Agent, Team
from runtime.model.turn import Turn
from runtime.ports import ModelPort
from runtime.routing.asking import TRIES, Inquiry, Routing, need_of, phase_of
from runtime.routing.choices import TELLING, Choices
from runtime.routing.providers import Providers
from runtime.turns.replays import MOST, Replays
from tests.support.build import ANN, OPS, T0, team
from tests.support.clock import ManualClock
from tests.support.models import answered, finished_of, request, said
from tests.support.routing import Played, routing_over

THREAD = replace(OPS, root="1")


@dataclass
class Bench:
    """Routing over memory, and whom it told what."""

    clock: ManualClock
    models: Sequence[Played]
    alone: bool = True
    told: dict[str, str] = field(default_factory=dict)
    tellings: int = 0
    busy: int = 0

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock, ids=TimeOrderedIds(self.clock))
        self.routing = self.again()
        self.calls: list[str] = []

    def again(self) -> Routing:
        """As the next life of the process has it, or another process."""
        return routing_over(
            self.store,
            self.models,
            team=self.team,
            clock=self.clock,
            tell_owners=self.tell,
            alone=self.alone,
        )

    async def tell(self, key: str, text: str) -> bool:
        self.tellings += 1
        if self.tellings <= self.busy:
            raise StorageUnavailable("busy")
        return self.told.setdefault(key, text) is text

    @property
    def agent(self) -> Agent:
        first, *others = (model.info.name for model in self.models)
        return replace(team(model=first).agents[0], models=tuple(others))

    def team(self) -> Team:
        return replace(team(), agents=(self.agent,))

    async def ask(self, phase: Phase = Phase.CHAT, *, routing: Routing | None = None) -> str:
        """Ask; returns the answer."""
        return (await (routing or self.routing).answer(self.asking(phase), self._call)).text

    def asking(self, phase: Phase) -> Inquiry:
        """Ann asks, in a thread where somebody waits."""
        thread = THREAD if phase is Phase.CHAT else None
        return Inquiry(agent=self.agent, thread=thread, asker=ANN, need=Need(phase=phase))

    async def _call(self, model: ModelPort) -> Finished:
        self.calls.append(model.info.name)
        return await finished_of(model, request("hello"))

    async def fails(self, phase: Phase = Phase.CHAT) -> ModelError:
        """Ask where every try fails, and let as much time pass as it waits for."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._error(phase))
            while not task.done():
                await self.clock.advance(1.0)
        return task.result()

    async def _error(self, phase: Phase) -> ModelError:
        with pytest.raises(ModelError) as raised:
            await self.ask(phase)
        return raised.value


def bench(clock: ManualClock, *models: Played) -> Bench:
    return Bench(clock, models)


@pytest.mark.parametrize(
    "error",
    [
        ModelUnavailable(),
        ModelTimeout(),
        ModelRateLimited(after=300.0),
        ModelKeyRefused(),
        ModelOutputUnusable(),
        ContextTooLong(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_fails_the_next_model_answers_at_once(
    error: ModelError, clock: ManualClock
) -> None:
    under_test = bench(clock, Played("a", ["Hal", error]), Played("b", "From b."))
    assert await under_test.ask() == "From b."
    assert under_test.calls == ["a", "b"]
    why = await under_test.store.modelbook.explanation(THREAD)
    assert why is not None
    assert (why.order, why.answered) == (("a", "b"), "b")
    assert [name for name, _ in why.tried] == ["a"]


async def test_one_model_is_asked_three_times_with_pauses_and_no_more(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a", ModelUnavailable("503")))
    began = clock.monotonic()
    assert isinstance(await under_test.fails(), ModelUnavailable)
    assert under_test.calls == ["a"] * TRIES
    assert 3.0 <= clock.monotonic() - began <= 5.0


async def test_of_a_server_that_does_not_run_a_person_is_told_soon(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a", ModelNotRunning("refused")))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(under_test._error(Phase.CHAT))
        await clock.advance(1.0)
        assert task.done()
    assert under_test.calls == ["a"] * TRIES


async def test_a_run_by_itself_waits_for_a_server_as_for_any(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a", ModelNotRunning("refused")))
    began = clock.monotonic()
    await under_test.fails(Phase.SCHEDULE)
    assert clock.monotonic() - began >= 3.0


async def test_however_many_models_fail_there_are_three_tries(clock: ManualClock) -> None:
    models = [Played(name, ModelTimeout()) for name in "abcde"]
    under_test = bench(clock, *models)
    await under_test.fails()
    assert under_test.calls == ["a", "b", "c"]


async def test_two_models_are_asked_in_turn(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a", ModelTimeout()), Played("b", ModelTimeout()))
    await under_test.fails()
    assert under_test.calls == ["a", "b", "a"]


async def test_what_fails_the_same_way_again_is_not_asked_again(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a", ModelOutputUnusable()))
    with pytest.raises(ModelOutputUnusable):
        await under_test.ask()
    assert under_test.calls == ["a"]


async def test_a_limit_is_waited_for_as_long_as_somebody_would(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a", ModelRateLimited(after=15.0), "Now."))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(under_test.ask())
        await clock.advance(14.9)
        assert under_test.calls == ["a"]
        await clock.advance(0.1)
    assert task.result() == "Now."


async def test_nobody_waits_in_a_chat_for_what_takes_minutes_but_work_by_itself_does(
    clock: ManualClock,
) -> None:
    def limited() -> Played:
        return Played("a", ModelRateLimited(after=300.0), "Now.")

    with pytest.raises(ModelRateLimited):
        await bench(clock, limited()).ask()
    by_itself = bench(clock, limited())
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(by_itself.ask(Phase.SCHEDULE))
        await clock.advance(300.0)
    assert task.result() == "Now."


async def test_a_wait_ends_when_the_turn_is_stopped(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a", ModelRateLimited(after=15.0)))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(under_test.ask())
        await clock.advance(1.0)
        task.cancel()
    assert task.cancelled()
    assert clock.sleeping == 0


async def test_a_provider_that_is_left_alone_is_not_asked_through_another_model(
    clock: ManualClock,
) -> None:
    under_test = bench(
        clock,
        Played("a", ModelRateLimited(after=300.0), provider="one"),
        Played("b", provider="one"),
        Played("c", "From c.", provider="two"),
    )
    assert await under_test.ask() == "From c."
    assert under_test.calls == ["a", "c"]
    assert await under_test.ask() == "From c."
    assert under_test.calls == ["a", "c", "c"]


async def test_a_refused_key_is_told_to_owners_once_and_the_provider_is_out(
    clock: ManualClock,
) -> None:
    refusing = Played("a", ModelKeyRefused("status 401"), provider="openai")
    under_test = bench(clock, refusing, Played("b"))
    for _ in range(3):
        assert await under_test.ask() == "Fine."
    assert under_test.calls == ["a", "b", "b", "b"]
    ((_, text),) = under_test.told.items()
    assert "openai does not take the key of `a`" in text
    assert "/model retry openai" in text
    later = under_test.again()
    assert await under_test.ask(routing=later) == "Fine."
    assert under_test.calls[-1] == "b", "the next life knows it"
    assert len(under_test.told) == 1


async def test_why_is_of_the_last_answer_though_only_one_model_was_left_for_it(
    clock: ManualClock,
) -> None:
    """What is out is not in question any more, and that is what people want to know."""
    refusing = Played("a", ModelKeyRefused("status 401"), provider="openai")
    under_test = bench(clock, refusing, Played("b"))
    await under_test.ask()
    first = await under_test.store.modelbook.explanation(THREAD)
    assert first is not None
    assert first.tried == (("a", "its provider refused the key"),)
    await clock.advance(1)
    await under_test.ask()
    last = await under_test.store.modelbook.explanation(THREAD)
    assert last is not None
    assert (last.order, last.tried, last.at) == (("b",), (), clock.now())
    assert last.reasons[-1].said == "`a`: its provider is out of service"


async def test_owners_hear_of_a_refused_key_though_the_database_was_busy(
    clock: ManualClock,
) -> None:
    refusing = Played("a", ModelKeyRefused("status 401"), provider="openai")
    under_test = bench(clock, refusing, Played("b"))
    under_test.busy = 2
    await under_test.ask()
    assert (under_test.told, len(await under_test.store.modelbook.outages())) == ({}, 1)
    assert await under_test.ask() == "Fine.", "nobody's answer fails for it"
    assert under_test.told == {}
    for _ in range(2):
        await under_test.ask()
    assert (len(under_test.told), under_test.tellings) == (1, 3)


async def test_owners_hear_of_a_refused_key_though_the_process_ended_before_it_told(
    clock: ManualClock,
) -> None:
    refusing = Played("a", ModelKeyRefused("status 401"), provider="openai")
    under_test = bench(clock, refusing, Played("b"))
    under_test.busy = 1
    await under_test.ask()
    later = under_test.again()
    for _ in range(2):
        await under_test.ask(routing=later)
    assert (len(under_test.told), under_test.tellings) == (1, 2)
    await clock.advance(TELLING.total_seconds())
    await under_test.ask(routing=under_test.again())
    assert under_test.tellings == 2, "it is too long ago to be said once more"


async def test_another_key_is_another_chance(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a", ModelKeyRefused(), provider="openai"))
    with pytest.raises(ModelKeyRefused):
        await under_test.ask()
    with pytest.raises(Refused, match="out of service"):
        await under_test.ask()
    under_test.models = [Played("a", "Hello.", provider="openai", credential="k2")]
    assert await under_test.ask(routing=under_test.again()) == "Hello."


async def test_putting_back_one_key_of_a_provider_leaves_its_other_one_out(
    clock: ManualClock,
) -> None:
    one, two = (Played(key, provider="openai", credential=key).info for key in ("k1", "k2"))
    under_test = Bench(clock, [], alone=False)
    providers = Providers(clock, lambda: 0.0)
    choices = Choices(
        under_test.store.modelbook,
        providers,
        team=team,
        clock=clock,
        alone=False,
        tell_owners=under_test.tell,
    )
    await choices.refused(one, "status 401")
    providers.refuse("openai", "k2", "status 401")  # what could not be written down
    await choices.look([one, two])
    assert (providers.refused(one), providers.refused(two)) == (True, False)


async def test_a_model_that_is_not_there_is_asked_once_and_its_provider_stays_in_service(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    gone = Played("a", ModelMissing("there is no such model (status 404)"), provider="one")
    under_test = bench(clock, gone, Played("b", "From b.", provider="one"))
    caplog.set_level(logging.INFO)
    for _ in range(4):
        assert await under_test.ask() == "From b."
    assert under_test.calls == ["a", "b"] * 4
    why = await under_test.store.modelbook.explanation(THREAD)
    assert why is not None
    assert why.tried == (("a", "its server has no such model, or it is not there"),)
    noted = [record for record in caplog.records if record.msg == "model.failed"]
    assert {record.__dict__["said"] for record in noted} == {"there is no such model (status 404)"}
    alone = bench(clock, gone)
    with pytest.raises(ModelMissing):
        await alone.ask()
    assert alone.calls == ["a"]


async def test_a_model_without_a_key_is_not_asked_and_named_with_what_it_lacks(
    clock: ManualClock,
) -> None:
    keyless = Played("a", lacks=("ONE_KEY", "OTHER_KEY"))
    under_test = bench(clock, keyless, Played("b", "From b."))
    assert await under_test.ask() == "From b."
    assert under_test.calls == ["b"]
    choice = await under_test.routing.choose(under_test.asking(Phase.CHAT))
    said = choice.why()[-1].said
    assert said == "`a`: it has no key: set `ONE_KEY` or `OTHER_KEY` and start again"
    alone = bench(clock, keyless)
    with pytest.raises(Refused, match="it has no key: set `ONE_KEY`"):
        await alone.ask()
    assert alone.told == {}
    assert keyless.asked == []


async def test_an_operator_puts_a_provider_back_for_every_process(clock: ManualClock) -> None:
    refusing = Played("a", ModelKeyRefused(), "Hello.", provider="openai")
    under_test = Bench(clock, [refusing], alone=False)
    other = under_test.again()
    with pytest.raises(ModelKeyRefused):
        await under_test.ask()
    with pytest.raises(Refused):
        await under_test.ask(routing=other)
    assert await other.choices.put_back("openai")
    await clock.advance(61)
    assert await under_test.ask() == "Hello."


async def test_what_is_set_answers_until_it_is_taken_back(clock: ManualClock) -> None:
    for alone in (True, False):
        under_test = Bench(clock, [Played("a", "A."), Played("b", "B.")], alone=alone)
        choices = under_test.routing.choices
        assert await under_test.ask() == "A."
        await choices.choose(OPS, ModelName("b"), by=ANN)
        assert await under_test.ask() == "B.", "the whole channel"
        await choices.choose(THREAD, ModelName("a"), by=ANN)
        assert await under_test.ask() == "A."
        assert await choices.forget(THREAD)
        assert not await choices.forget(THREAD)
        assert await under_test.ask() == "B."
        assert await under_test.ask(routing=under_test.again()) == "B.", "it is stored"


async def test_a_model_that_is_not_there_is_named_with_what_to_do(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a"))
    under_test.routing = routing_over(under_test.store, [], team=under_test.team, clock=clock)
    with pytest.raises(Refused, match="`a`: it is not set up") as raised:
        await under_test.ask()
    assert "/model set" in raised.value.hint


async def test_why_is_written_once_for_the_same_reason(clock: ManualClock) -> None:
    under_test = bench(clock, Played("a"), Played("b"))
    await under_test.ask()
    first = await under_test.store.modelbook.explanation(THREAD)
    await clock.advance(60)
    await under_test.ask()
    assert first is not None
    assert await under_test.store.modelbook.explanation(THREAD) == first
    only = bench(clock, Played("a"))
    await only.ask()
    assert await only.store.modelbook.explanation(THREAD) is None, "there was nothing to choose"


def a_turn(thread: ThreadRef | None) -> Turn:
    return Turn(
        id=TurnId("t1"),
        conversation=ConversationId("c1"),
        inbox=None,
        thread=thread,
        requester=ANN,
        attempt=1,
        fence=1,
        draft=None,
        started_at=T0,
    )


@pytest.mark.parametrize(
    ("instruction", "phase"),
    [
        ("Post the morning briefing", Phase.BRIEFING),
        ("Write a digest of the week", Phase.BRIEFING),
        ("Check the certificates", Phase.HEARTBEAT),
        ("  look whether anybody waits", Phase.HEARTBEAT),
        ("Summarise yesterday's news", Phase.SCHEDULE),
        ("Paint the checkboxes", Phase.SCHEDULE),
    ],
)
def test_work_by_itself_has_its_phase_by_its_words(instruction: str, phase: Phase) -> None:
    assert phase_of(a_turn(None), [said(instruction)]) is phase
    assert phase_of(a_turn(THREAD), [said(instruction)]) is Phase.CHAT


def test_a_need_is_that_of_the_whole_prompt() -> None:
    agent = replace(team().agents[0], instructions="x" * 400)
    log = [said("y" * 400), answered("z" * 40)]
    need = need_of(
        Phase.CHAT, agent, log, length=length_of(log, called=False), tools=2, answer_tokens=9
    )
    assert need == Need(
        phase=Phase.CHAT,
        text="y" * 400,
        prompt_tokens=210 + 16 + 200,
        answer_tokens=9,
        tools=True,
    )


# ---- what need not be paid twice

HOT = request("hello")
COLD = replace(HOT, temperature=0.0)
FINE = Finished(text="Fine.")
NAME = ModelName("a")


def test_only_what_is_always_the_same_is_kept_and_only_for_its_run() -> None:
    turn, replays = TurnId("t1"), Replays()
    replays.keep(turn, NAME, HOT, FINE)
    assert replays.find(turn, NAME, HOT) is None
    replays.keep(turn, NAME, COLD, FINE)
    assert replays.find(turn, NAME, COLD) == FINE
    assert replays.find(turn, NAME, HOT) is None
    assert replays.find(TurnId("t2"), NAME, COLD) is None
    assert replays.find(turn, ModelName("b"), COLD) is None
    assert replays.find(turn, NAME, replace(COLD, max_tokens=9)) is None
    assert replays.find(turn, NAME, replace(COLD, instructions="Be long.")) is None
    later = COLD.entries[0]._replace(at=COLD.entries[0].at.replace(year=2030), seq=9)
    assert replays.find(turn, NAME, replace(COLD, entries=(later,))) == FINE, "the same words"
    replays.forget(turn)
    assert replays.find(turn, NAME, COLD) is None
    replays.forget(turn)


def test_no_more_is_kept_than_a_few() -> None:
    replays = Replays()
    turns = [TurnId(f"t{number}") for number in range(MOST + 1)]
    for turn in turns:
        replays.keep(turn, NAME, COLD, FINE)
    assert replays.find(turns[0], NAME, COLD) is None
    assert replays.find(turns[-1], NAME, COLD) == FINE
    replays.keep(turns[0], NAME, COLD, Finished(text="x" * 100_000))
    assert replays.find(turns[0], NAME, COLD) is None
