"""`[budget]` and `[[limits]]` of `nightdesk.toml`, and what is said where they are wrong."""

from pathlib import Path

import pytest

from bot.environ import load_settings
from runtime.errors import ConfigurationError
from runtime.model.budget import DEFAULT_LIMITS, LimitRule
from runtime.model.meter import Period, Scope
from runtime.money.spenders import subject_of_channel, subject_of_principal
from tests.unit.test_settings_team import read, said_of

PEOPLE = """\
[[members]]
name = "Ana"
role = "owner"
terminal = "you"
[[channels]]
platform = "terminal"
id = "ops"
name = "#ops"
proactive = true
[[channels]]
platform = "terminal"
id = "quiet"
"""


def test_without_a_word_a_little_may_be_spent() -> None:
    budget = read("").team.budget
    assert (budget.currency, budget.limits, budget.footer) == ("USD", DEFAULT_LIMITS, True)
    assert [rule.micros for rule in DEFAULT_LIMITS] == [1_000_000, 10_000_000]


def test_a_number_with_three_decimals_is_no_thousands_and_a_text_may_be() -> None:
    [day, *_] = read("[budget]\nday = 1.125").team.budget.limits
    assert day.micros == 1_125_000
    [problem] = said_of('[budget]\nday = "1.125"')
    assert "may be meant in thousands" in problem


def test_a_whole_budget_is_read() -> None:
    team = read(
        PEOPLE
        + """\
[budget]
day = 2.50
month = "40 EUR"
currency = "EUR"
owner = "Ana"
channel = "#ops"
footer = false
[[limits]]
scope = "agent"
of = "desk"
day = 1
[[limits]]
scope = "person"
of = "Ana"
month = 0
[[limits]]
scope = "channel"
of = "ops"
day = 0.000001
[[limits]]
scope = "schedule"
each = 0.25
day = 1
[[limits]]
scope = "workflow"
each = 0.5
"""
    ).team
    budget, ana = team.budget, team.members[0].principals[0]
    ops = team.channels[0].ref
    assert (budget.currency, budget.owners, budget.channel, budget.footer) == (
        "EUR",
        (ana,),
        ops,
        False,
    )
    assert [(r.scope, r.subject, r.period, r.micros) for r in budget.limits] == [
        (Scope.ORGANISATION, "", Period.DAY, 2_500_000),
        (Scope.ORGANISATION, "", Period.MONTH, 40_000_000),
        (Scope.AGENT, "desk", Period.DAY, 1_000_000),
        (Scope.PERSON, subject_of_principal(ana), Period.MONTH, 0),
        (Scope.CHANNEL, subject_of_channel(ops), Period.DAY, 1),
        (Scope.SCHEDULE, "", Period.FIRING, 250_000),
        (Scope.SCHEDULE, "", Period.DAY, 1_000_000),
        (Scope.WORKFLOW, "", Period.FIRING, 500_000),
    ]


def test_one_limit_of_the_team_takes_the_place_of_both_that_were_assumed() -> None:
    limits = read("[budget]\nmonth = 5\n").team.budget.limits
    assert limits == (LimitRule(scope=Scope.ORGANISATION, period=Period.MONTH, micros=5_000_000),)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[budget]\nday = -1", 2, "write an amount like 5 or 0.50"),
        ("[budget]\nday = nan", 2, "write an amount like 5 or 0.50"),
        ("[budget]\nday = inf", 2, "write an amount like 5 or 0.50"),
        ("[budget]\nday = true", 2, "write an amount such as 5 or 0.50"),
        ("[budget]\nday = 0.0000001", 2, "write an amount like 5 or 0.50"),
        ('[budget]\nday = "5 EUR"', 2, "the team's currency is USD, and this is EUR"),
        ('[budget]\ncurrency = "euro"', 2, "three capital letters"),
        ('[budget]\nowner = "Bob"', 2, "unknown: "),
        (
            '[[members]]\nname = "Mel"\nterminal = "mel"\n[budget]\nowner = "Mel"',
            5,
            "is only member: name an owner, an admin or an operator",
        ),
        ('[budget]\nchannel = "#none"', 2, "unknown: [[channels]] has #ops and #quiet"),
        ('[budget]\nchannel = "#quiet"', 2, "give that channel proactive = true"),
        ("[budget]\nyear = 5", 2, "unknown key"),
        ('[[limits]]\nscope = "agnt"\nday = 1', 2, "did you mean agent?"),
        ('[[limits]]\nscope = "organisation"\nday = 1', 2, "that is [budget] itself"),
        ('[[limits]]\nscope = "agent"', 1, "how much? write day = 0.50"),
        ('[[limits]]\nscope = "agent"\neach = 1', 3, "only a run, a workflow or a schedule has it"),
        ('[[limits]]\nscope = "run"\nday = 1', 1, "a run has no day and no month"),
        ('[[limits]]\nscope = "workflow"\nmonth = 1', 1, "a workflow has no day and no month"),
        ('[[limits]]\nscope = "workflow"', 1, "how much? write each = 0.50"),
        ('[[limits]]\nscope = "workflow"\nof = "x"\neach = 1', 3, "leave it out for each of them"),
        ('[[limits]]\nscope = "agent"\nof = "dsk"\nday = 1', 3, "did you mean desk?"),
        ('[[limits]]\nscope = "schedule"\nof = "3"\nday = 1', 3, "/schedule budget 3 0.50"),
        ('[[limits]]\nscope = "thread"\nof = "3"\nday = 1', 3, "leave it out for each of them"),
        ('[[limits]]\nscope = "agent"\nday = "1 EUR"', 3, "the team's currency is USD"),
        ('[[limits]]\nscope = "person"\nof = "Anna"\nday = 1', 3, "did you mean Ana?"),
        (
            '[[limits]]\nscope = "agent"\nday = 1\n[[limits]]\nscope = "agent"\nday = 2',
            4,
            "the same limit as on line",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, said: str) -> None:
    before = PEOPLE.count("\n")
    [problem] = said_of(f"{PEOPLE}{text}\n")
    assert problem.startswith(f"nightdesk.toml:{before + line}: "), problem
    assert said in problem


HOSTED = '[models.near]\nmodel = "openai/x"\nbase_url = "http://127.0.0.1:8000/v1"\n'


@pytest.mark.parametrize(
    ("models", "of", "environ"),
    [
        (HOSTED, "openai", {}),
        (HOSTED, "openai@127.0.0.1:8000", {}),
        ('[models.fast]\nmodel = "anthropic/claude"\n', "anthropic", {}),
        ("", "mistral", {"NIGHTDESK_MODEL": "mistral/small"}),
    ],
)
def test_a_provider_is_limited_by_its_name_and_with_its_address(
    tmp_path: Path, models: str, of: str, environ: dict[str, str]
) -> None:
    limit = f'[[limits]]\nscope = "provider"\nof = "{of}"\nday = 1\n'
    (tmp_path / "nightdesk.toml").write_text(limit + models)
    found = load_settings({"HOME": str(tmp_path), **environ}, cwd=tmp_path).team.budget.limits
    assert [rule.subject for rule in found if rule.scope is Scope.PROVIDER] == [of]


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (HOSTED, "unknown: did you mean openai?"),
        ('[models.fast]\nmodel = "anthropic/claude"\n', "unknown: the models have anthropic"),
        ("", "unknown: no model is set up"),
    ],
)
def test_a_limit_of_a_provider_that_no_model_has_is_refused(
    tmp_path: Path, models: str, said: str
) -> None:
    limit = '[[limits]]\nscope = "provider"\nof = "opnai"\nday = 1\n'
    (tmp_path / "nightdesk.toml").write_text(limit + models)
    with pytest.raises(ConfigurationError) as refused:
        load_settings({"HOME": str(tmp_path)}, cwd=tmp_path)
    assert f'nightdesk.toml:3: limits[0].of = "opnai": {said}' in str(refused.value)


def test_prices_in_another_currency_than_the_teams_are_refused_with_their_line() -> None:
    model = '[models.fast]\nmodel = "openai/x"\nprices = { input = 1, output = 2 }\n'
    budget = '[budget]\ncurrency = "EUR"\n'
    assert read(f'{budget}{model}currency = "EUR"\n').team.budget.currency == "EUR"

    [problem] = said_of(f'{budget}{model}currency = "GBP"\n')
    assert problem.startswith("nightdesk.toml:6: ")
    assert "the team's budget is in EUR" in problem
    [problem] = said_of(f"{budget}{model}")
    assert problem.startswith("nightdesk.toml:3: ")
