"""`/policy`: what the rules are, and what they say of a call."""

import os
from pathlib import Path

import pytest

from bot.wiring.policy import LivePolicy
from runtime.errors import ConfigurationError
from runtime.ids import AgentName, ApprovalId
from runtime.model.approval import GRANTED_FOR, Frozen, Grant
from runtime.model.tools import ToolSpec
from runtime.policy.book import PolicyBook
from runtime.policy.rules import (
    Comparison,
    Condition,
    Layer,
    Permission,
    Preset,
    Rate,
    Rule,
)
from tests.support.build import ANN, STRANGER
from tests.support.commands import LOOK, CommandBench, command_bench

ASKS = Rule(
    name="team rule 1, line 4",
    tools="git.*",
    when=(Condition(argument="name", test=Comparison.MATCHES, value="release/*"),),
    permission=Permission.APPROVAL,
    people=2,
)
BOOK = PolicyBook(team=Layer(name="team", preset=Preset.FULL_AUTO, rules=(ASKS,)))


@pytest.fixture
def give() -> CommandBench:
    bench = command_bench()
    bench.rules.held = BOOK
    return bench


async def test_the_rules_are_shown(give: CommandBench) -> None:
    shown = await give("/policy show")

    assert "**team**, preset full_auto" in shown
    assert "1. `git.*` when name matches 'release/*': approval, 2 people" in shown


async def test_the_layers_are_shown_from_the_top_and_a_laxer_preset_below_is_said(
    give: CommandBench,
) -> None:
    night = Layer(name="agent desk", preset=Preset.FULL_AUTO)
    safe = Layer(name="team", preset=Preset.GIT_SAFE)
    give.rules.held = PolicyBook(team=safe, agents={AgentName("desk"): night})
    shown = await give("/policy show")
    system, team, agent = shown.split("\n\n")
    assert "**system**, which no file changes" in system
    assert "dangerous: approval by 2 people" in system
    assert "`checkpoint.ask` asks people each time, where no rule blocks it." in system
    assert "`file.send` and `task.complete` run as part of an answer" in system
    assert team.startswith("**team**, preset git_safe\n")
    assert agent.startswith(
        "**agent desk**, preset full_auto. Where the team is stricter, the team's word holds\n"
    )

    said = await give('/policy explain git.push {"name": "main"} --agent desk')
    assert "In a run by itself it asks one person: team preset git_safe, external tools." in said
    assert [line for line in said.splitlines() if ", by " in line] == [
        "- system: autonomous, by the floor for external tools",
        "- team: approval, by team preset git_safe, external tools",
        "- agent desk: autonomous, by agent desk preset full_auto, external tools",
    ]

    strict = Layer(name="agent desk", preset=Preset.READ_ONLY)
    give.rules.held = PolicyBook(team=safe, agents={AgentName("desk"): strict})
    assert "**agent desk**, preset read_only\n" in await give("/policy show")


async def test_a_file_that_cannot_be_used_is_told_with_the_rules_that_hold(
    give: CommandBench,
) -> None:
    give.rules.trouble = "policy.yaml:3: preset = x: it is read_only, git_safe or full_auto"
    shown = await give("/policy show")
    assert "policy.yaml:3" in shown
    assert "preset full_auto" in shown


async def test_a_call_is_explained_with_the_rules_name(give: CommandBench) -> None:
    said = await give('/policy explain git.push {"name": "release/1"}')

    assert "asks 2 people: team rule 1, line 4" in said
    assert "runs: team preset full_auto, external tools" in await give("/policy explain git.push")


@pytest.mark.parametrize("quotes", ["''", '""', "``", "“”"])
async def test_a_call_may_be_written_in_any_case_and_in_quotes(
    give: CommandBench, quotes: str
) -> None:
    plain = await give('/policy explain git.push {"name": "release/1"}')
    written = f'{quotes[0]}{{"name": "release/1"}}{quotes[1]}'
    assert await give(f"/policy explain GIT.Push {written}") == plain
    assert await give(f"/policy explain git.push\n{written}") == plain


@pytest.mark.parametrize(
    ("seconds", "said"), [(60, "5 per minute"), (3600, "5 per hour"), (86_400, "5 per day")]
)
async def test_a_rate_is_shown_as_it_is_written(
    give: CommandBench, seconds: int, said: str
) -> None:
    rule = Rule(
        name="team rule 1",
        tools="git.*",
        permission=Permission.AUTONOMOUS,
        rate=Rate(most=5, seconds=seconds),
    )
    give.rules.held = PolicyBook(team=Layer(name="team", preset=Preset.FULL_AUTO, rules=(rule,)))
    assert f"autonomous, at most {said} by itself" in await give("/policy show")


ALWAYS_ASKS = PolicyBook(
    team=Layer(
        name="team",
        preset=Preset.FULL_AUTO,
        rules=(Rule(name="team rule 1", tools="git.*", permission=Permission.APPROVAL),),
    )
)


async def test_what_always_would_cover_is_named_and_the_grant_that_does(
    give: CommandBench,
) -> None:
    give.rules.held = ALWAYS_ASKS
    said = await give('/policy explain git.push {"name": "main"}')
    assert "*Always* would cover: exactly this." in said

    frozen = Frozen(tool="git.push", schema=LOOK.digest(), arguments='{"name":"main"}')
    await give.store.grants.add(
        Grant(
            id=ApprovalId("a"),
            agent=AgentName("desk"),
            frozen=frozen,
            digest=frozen.digest(),
            given_by=ANN,
            given_at=give.clock.now(),
            expires_at=give.clock.now() + GRANTED_FOR,
        )
    )
    said = await give('/policy explain git.push {"name": "main"}')
    assert "Grant **1** covers it until Fri 27 Nov" in said
    assert "so nobody is asked: exactly this." in said
    assert "Grant" not in await give('/policy explain git.push {"name": "dev"}')
    give.rules.held = BOOK
    assert "Always" not in await give('/policy explain git.push {"name": "release/1"}')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/policy explain git.pull", "There is no tool “git.pull”."),
        ("/policy explain git.push {", "(The arguments are not JSON"),
        ('/policy explain git.push {"nam": "x"}', "did you mean name?"),
        ("/policy explain git.push --agent nobody", "There is no agent “nobody”."),
        ("/policy explain", "is missing"),
        ("/policy", "“policy” alone is not enough"),
    ],
)
async def test_what_cannot_be_explained_says_why(give: CommandBench, text: str, said: str) -> None:
    assert said in await give(text)


async def test_a_stranger_sees_no_rules(give: CommandBench) -> None:
    assert "not a member" in await give("/policy show", sender=STRANGER)


class Reader:
    """Reads the preset that the file names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, _specs: object, _agents: object) -> PolicyBook:
        text = self.path.read_text("utf-8") if self.path.exists() else "read_only"
        if text not in set(Preset):
            raise ConfigurationError(f"policy.yaml:1: {text}")
        return PolicyBook(team=Layer(name="team", preset=Preset(text)))


def live(path: Path, heard: list[bool] | None = None) -> LivePolicy:
    specs: list[ToolSpec] = []

    async def noted(usable: bool) -> None:
        if heard is not None:
            heard.append(usable)

    rules = LivePolicy(path, Reader(path), specs=lambda: specs, agents=list, noted=noted)
    rules.read()
    return rules


def write(path: Path, text: str, moment: int) -> None:
    path.write_text(text, "utf-8")
    os.utime(path, (moment, moment))


async def test_whoever_asks_is_told_of_each_change_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    heard: list[bool] = []
    rules = live(path, heard)
    await rules.look()
    assert heard == []
    write(path, "git_safe", 1)
    await rules.look()
    write(path, "nonsense", 2)
    await rules.look()
    await rules.look()
    assert heard == [True, False]


async def test_a_change_of_the_file_holds_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    rules = live(path)
    assert rules.book().team.preset is Preset.READ_ONLY

    write(path, "git_safe", 1)
    assert rules.book().team.preset is Preset.READ_ONLY
    await rules.look()
    assert rules.book().team.preset is Preset.GIT_SAFE

    path.unlink()
    await rules.look()
    assert rules.book().team.preset is Preset.READ_ONLY


async def test_a_change_that_cannot_be_used_changes_nothing_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    write(path, "git_safe", 1)
    rules = live(path)

    write(path, "full_autoo", 2)
    await rules.look()
    assert rules.book().team.preset is Preset.GIT_SAFE
    assert rules.trouble == "policy.yaml:1: full_autoo"

    write(path, "full_auto", 3)
    await rules.look()
    assert (rules.book().team.preset, rules.trouble) == (Preset.FULL_AUTO, "")


def test_a_file_that_cannot_be_used_ends_the_start(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    write(path, "nonsense", 1)
    with pytest.raises(ConfigurationError, match="nonsense"):
        live(path)
