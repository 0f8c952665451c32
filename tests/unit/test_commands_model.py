"""`/model`: what it shows, what it sets, and who may."""

from collections.abc import Sequence

import pytest

from runtime.errors import ModelKeyRefused
from runtime.ids import ModelName
from runtime.model.address import ThreadRef
from runtime.model.choice import Need, Phase
from runtime.model.completion import Finished
from runtime.model.team import MemberRole
from runtime.ports import ModelPort
from runtime.routing.asking import Inquiry
from tests.support.build import ANN, DM, OPS, team
from tests.support.commands import CommandBench, command_bench
from tests.support.models import finished_of, request
from tests.support.routing import Played


def give_with(*models: ModelPort, role: MemberRole = MemberRole.OWNER) -> CommandBench:
    first, *more = models
    return command_bench(model=first, more=more, configured=team(model=first.info.name, role=role))


@pytest.fixture
def models() -> Sequence[Played]:
    return (
        Played("fast", provider="openai", price=400_000),
        Played("large", provider="anthropic", price=15_000_000, vision=True),
    )


@pytest.fixture
def give(models: Sequence[Played]) -> CommandBench:
    return give_with(*models)


async def asked(give: CommandBench, where: ThreadRef = DM) -> str:
    """Let the agent be asked; returns who answered."""
    answered = []

    async def call(model: ModelPort) -> Finished:
        finished = await finished_of(model, request("hello"))
        answered.append(model.info.name)
        return finished

    agent = give.teams[-1].agents[0]
    await give.routing.answer(
        Inquiry(agent=agent, thread=where, asker=ANN, need=Need(phase=Phase.CHAT)), call
    )
    return answered[-1]


async def test_the_list_has_prices_windows_abilities_and_health(give: CommandBench) -> None:
    assert await give("/model list") == (
        "(**Models**\n"
        "- `fast`: 0.40 / 0.40 USD a million tokens; 32,000 tokens; tools; openai\n"
        "- `large`: 15.00 / 15.00 USD a million tokens; 32,000 tokens; tools, pictures; anthropic)"
    )
    await asked(give)
    assert "openai; first word after 0.0 s" in await give("/model list")


async def test_the_list_says_what_is_free_not_known_and_out() -> None:
    give = give_with(
        Played("local", local=True, price=0),
        Played("odd", price=0, unpriced_allowed=True),
        Played("dead", ModelKeyRefused("status 401"), provider="openai"),
    )
    unpriced = command_bench(model=_unpriced("odd"))
    assert "`local`: free; 32,000 tokens; tools; local" in await give("/model list")
    assert "`odd`: price not known" in await unpriced("/model list")
    await give("/model set dead")
    assert await asked(give) == "local"
    answer = await give("/model list")
    assert "**out: its provider is out of service**; `/model retry openai`, once its key" in answer
    assert "401" not in answer
    assert list(give.told) != []


def _unpriced(name: str) -> Played:
    return Played(name, price=None)


async def test_what_is_set_for_a_thread_answers_there_and_nowhere_else(
    give: CommandBench,
) -> None:
    said = await give("/model set large")
    assert said.startswith("`large` answers here from now on.")
    assert "`/model auto thread` takes it back" in said
    assert await asked(give) == "large"
    assert await asked(give, OPS) == "fast"
    assert "`large`" in await give("/model")
    assert await give("/model auto") == "The model is chosen for each call again here."
    assert await asked(give) == "fast"
    assert await give("/model auto") == "(No model was set here.)"


async def test_what_is_set_for_a_person_or_an_agent_answers_everywhere(
    give: CommandBench,
) -> None:
    assert (await give("/model set large me")).startswith("(`large` answers to you from now on.")
    assert await asked(give, OPS) == "large"
    await give("/model auto me")
    said = await give("/model use large agent")
    assert said.startswith("`large` answers wherever the agent desk does from now on.")
    assert "`/model auto agent desk` takes it back" in await give("/model set large agent desk")
    assert await asked(give, OPS) == "large"
    assert await asked(give) == "large"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/model set lrage", "There is no model “lrage”.\nThere are: `fast`, `large`."),
        ("/model set large everywhere", "Write `thread`, `me` or `agent`."),
        ("/model auto everything", "Write `thread`, `me` or `agent`."),
        ("/model set large agent nobody", "There is no agent “nobody”."),
        ("/model set large me desk", "“desk” is too much."),
        ("/model auto thread desk", "“desk” is too much."),
        ("/model set", "`<model>` is missing."),
        ("/model retry nobody", "There are: `anthropic`, `openai`."),
        ("/model retry openai", "openai was not out of service."),
        ("/model lsit", "Write: `/model list`"),
    ],
)
async def test_what_is_written_wrong_is_answered_with_what_is_right(
    give: CommandBench, text: str, said: str
) -> None:
    assert said in await give(text)


async def test_a_model_whose_price_is_not_known_cannot_be_set() -> None:
    give = give_with(Played("fast"), _unpriced("odd"))
    answer = await give("/model set odd")
    assert "its price is not known" in answer
    assert "unknown_price = true" in answer


async def test_why_names_each_layer_who_failed_and_who_answered() -> None:
    give = give_with(
        Played("dead", ModelKeyRefused(), provider="openai"), Played("large", "Hello.")
    )
    assert "If you wrote now:" in await give("/model why")
    await give("/model set large agent")
    await give("/model set dead")
    assert await asked(give) == "large"
    answer = await give("/model why")
    for line in (
        "**`large` answered** for the agent desk (chat)",
        "1. explicit: `dead` is set for this channel, `large` is set for the agent desk",
        "2. profile: the agent desk has no model of its own for chat",
        "3. signals: no word calls for a model",
        "4. preference: the agent desk uses `dead`",
        "5. usable: all of them can be asked",
        "So the order is: `dead`, then `large`.",
        "- `dead` was asked before: its provider refused the key",
    ):
        assert line in answer, answer


async def test_a_provider_that_is_out_is_asked_again_when_an_operator_says_so() -> None:
    give = give_with(Played("a", ModelKeyRefused(), "Hello.", provider="openai"))
    with pytest.raises(ModelKeyRefused):
        await asked(give)
    assert "has no model: `a`: its provider is out of service" in await give("/model")
    assert await give("/model retry openai") == "openai is asked again from now on."
    assert await asked(give) == "a"


@pytest.mark.parametrize(
    ("role", "text", "may"),
    [
        (MemberRole.GUEST, "/model list", False),
        (MemberRole.MEMBER, "/model list", True),
        (MemberRole.MEMBER, "/model why", True),
        (MemberRole.MEMBER, "/model set large me", True),
        (MemberRole.MEMBER, "/model set large thread", False),
        (MemberRole.MEMBER, "/model auto", False),
        (MemberRole.MEMBER, "/model retry openai", False),
        (MemberRole.OPERATOR, "/model set large", True),
        (MemberRole.OPERATOR, "/model retry openai", True),
        (MemberRole.OPERATOR, "/model set large agent", False),
        (MemberRole.ADMIN, "/model set large agent", True),
    ],
)
async def test_who_may(role: MemberRole, text: str, may: bool, models: Sequence[Played]) -> None:
    answer = await give_with(*models, role=role)(text)
    assert ("That needs the role" not in answer and "You may not" not in answer) is may, answer


async def test_the_choices_of_a_person_are_theirs_on_every_platform(
    models: Sequence[Played],
) -> None:
    give = give_with(*models)
    assert give.routing.choices.person(ANN) == ANN
    await give("/model set large me")
    (chosen,) = await give.store.modelbook.every()
    assert (chosen.scope, chosen.model, chosen.by) == (ANN, ModelName("large"), ANN)
