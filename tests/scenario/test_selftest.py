"""The self-test itself: it passes a good program, and fails one that answers wrongly."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.selftest.plan import read_plan
from bot.selftest.rehearsal import Load, Progress, rehearse
from bot.selftest.report import passed
from bot.selftest.slack.drive import SlackStage
from bot.selftest.stage import Stage
from bot.selftest.tally import REFUSAL_BEGINS
from gateway.inbound.strangers import NOTICE_BEGINS
from gateway.outbound.aftermath import SET_ASIDE_BEGINS
from runtime.mailboxes.queued import WORDS as QUEUED

CONFIG = """
[team]
name = "Night shift"
[slack]
workspace = "T0123ABCD"
[discord]
guilds = ["123456789012345678"]
[[members]]
name = "Ann"
role = "owner"
slack = "U0123ANN1"
telegram = 123456789
discord = "223456789012345678"
[[channels]]
platform = "slack"
id = "C0123OPS1"
listen = true
[[channels]]
platform = "telegram"
id = -1001234567890
listen = true
[[channels]]
platform = "discord"
id = "323456789012345678"
listen = true
[[agents]]
name = "desk"
model = "fast"
[models.fast]
model = "openai/gpt-4.1-mini"
"""


def silent(_: Progress) -> None:
    """Show nothing."""


async def test_a_good_program_passes_on_every_platform_though_it_is_killed(tmp_path: Path) -> None:
    (tmp_path / "nightdesk.toml").write_text(CONFIG)
    plan = read_plan(environ={"HOME": str(tmp_path)}, cwd=tmp_path)
    said: list[Progress] = []
    load = Load(messages=8, seconds=4.0, crash=True)
    result = await rehearse(plan, load, tell=said.append, seed=7)
    assert [outcome.platform for outcome in result.outcomes] == ["slack", "telegram", "discord"]
    assert [outcome.count.examples for outcome in result.outcomes] == [[], [], []]
    assert passed(result), result
    assert result.kills == 1
    assert all(outcome.count.asked >= 8 for outcome in result.outcomes)
    assert all(outcome.count.strangers for outcome in result.outcomes)
    assert said[-1].share == 1.0
    assert os.listdir(tmp_path) == ["nightdesk.toml"], "nothing is left behind"  # noqa: PTH208


def answer_twice(stage: Stage) -> None:
    """Show an answer once more: no word beside it, such as that it is queued."""
    assert isinstance(stage, SlackStage)
    asides = (REFUSAL_BEGINS, NOTICE_BEGINS, SET_ASIDE_BEGINS, QUEUED[:7])
    shown = stage.fake.visible()
    answers = [one for one in shown if not (one.markdown or one.text).startswith(asides)]
    stage.fake.messages.append(answers[-1])


def answer_elsewhere(stage: Stage) -> None:
    """Move an answer into another channel."""
    assert isinstance(stage, SlackStage)
    stage.fake.visible()[0].channel = "C0123ELSE"


def say_nothing(stage: Stage) -> None:
    """Take every answer back."""
    assert isinstance(stage, SlackStage)
    stage.fake.messages.clear()


@pytest.mark.parametrize(
    ("meddle", "fault"),
    [(answer_twice, "twice"), (answer_elsewhere, "wrong"), (say_nothing, "lost")],
)
async def test_a_program_that_answers_wrongly_fails(
    tmp_path: Path, meddle: Callable[[Stage], None], fault: str
) -> None:
    (tmp_path / "nightdesk.toml").write_text(CONFIG)
    plan = read_plan(["slack"], environ={"HOME": str(tmp_path)}, cwd=tmp_path)
    load = Load(messages=2, seconds=0.5, crash=False)
    result = await rehearse(plan, load, tell=silent, seed=7, meddle=meddle)
    assert not passed(result)
    assert getattr(result.outcomes[0].count, fault) > 0
