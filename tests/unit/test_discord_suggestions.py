"""What a person who types a command on Discord is given to choose from, and who is given nothing."""

import json

import pytest

from bot.platforms.discord import Suggestions
from runtime.model.address import Principal
from runtime.model.events import Wanted
from tests.support.build import ANN, STRANGER
from tests.support.commands import CommandBench, command_bench


@pytest.fixture
def give() -> CommandBench:
    return command_bench()


async def offered(
    give: CommandBench, command: str, argument: str, typed: str = "", sender: Principal = ANN
) -> list[object]:
    suggest = Suggestions(give.roster.team, give.store)
    wanted = Wanted(sender=sender, command=command, argument=argument, typed=typed)
    answer = json.loads(await suggest(wanted))
    return [choice["value"] for choice in answer["data"]["choices"]]


async def test_people_and_roles_are_offered(give: CommandBench) -> None:
    await give("/member add bob operator Bob")
    assert await offered(give, "member role", "person") == [
        "terminal:ann",
        "terminal:bob",
    ]
    assert await offered(give, "member role", "person", "oper") == ["terminal:bob"]
    assert await offered(give, "member add", "role", "m") == ["admin", "member"]
    assert "is guest from now on" in await give("/member role terminal:bob guest")


async def test_whom_the_chat_added_is_offered_what_their_role_may_see(give: CommandBench) -> None:
    await give("/schedule create every day at 9 Look")
    bob = Principal(ANN.platform, ANN.workspace, "bob")
    assert await offered(give, "schedule show", "number", sender=bob) == []
    await give("/member add bob member Bob")
    assert await offered(give, "schedule show", "number", sender=bob) == [1]
    await give("/member role bob guest")
    assert await offered(give, "schedule show", "number", sender=bob) == []
    assert await offered(give, "member role", "person", sender=bob) == []


async def test_strangers_are_offered_nothing(give: CommandBench) -> None:
    await give("/schedule create every day at 9 Look")
    await give("/remind me in 2 hours to stretch")
    for command, argument in (
        ("schedule show", "number"),
        ("schedule create", "tz"),
        ("remind done", "number"),
        ("member role", "person"),
        ("member add", "role"),
        ("what", "ever"),
    ):
        assert await offered(give, command, argument, sender=STRANGER) == []
