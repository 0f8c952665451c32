"""`policy.yaml`: what it says, and what is wrong with it, with its line."""

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.configuration.policyfile import parse_policy, read_policy
from runtime.errors import ConfigurationError
from runtime.ids import AgentName
from runtime.model.checkpoint import CHECKPOINT
from runtime.model.tools import Json, Risk, ToolSpec
from runtime.policy.book import PolicyBook
from runtime.policy.judge import decide
from runtime.policy.rules import Comparison, Condition, Permission, Preset, Rate
from runtime.ports import ToolContext
from runtime.tools.registry import Tool


async def _push(
    _context: ToolContext,
    _key: str,
    /,
    *,
    branch: str,
    number: int,
    share: float = 1.0,
    force: bool = False,
    how: Literal["fast", "slow"] = "fast",
    labels: list[str] | None = None,
) -> str:
    return f"{branch} {number} {share} {force} {how} {labels}"


async def _log(_context: ToolContext, _key: str, /, *, path: str, number: str = "") -> str:
    return path + number


SPECS = (
    Tool(name="git.push", about="", run=_push, risk=Risk.EXTERNAL).spec,
    Tool(name="git.log", about="", run=_log, risk=Risk.READ).spec,
    ToolSpec(name="shell.run", description="", risk=Risk.DANGEROUS),
    ToolSpec(name="state.set", description="", risk=Risk.WRITE),
)
AGENTS = (AgentName("desk"), AgentName("night"))
GOOD = """\
team:
  preset: Git Safe
  rules:
    - tools: git.push
      when:
        branch: {matches: "release/*"}
        force: false
      permission: approval
      people: 2
    - tools: git.*
      permission: notify
      rate: 5 per hour
agents:
  night:
    rules:
      - {tools: state.set, permission: blocked}
"""


def parse(text: str) -> PolicyBook:
    return parse_policy(text.encode(), name="policy.yaml", specs=SPECS, agents=AGENTS)


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    return str(caught.value)


def test_a_file_is_read() -> None:
    book = parse(GOOD)

    first, second = book.team.rules
    assert book.team.preset is Preset.GIT_SAFE
    assert first.when == (
        Condition(argument="branch", test=Comparison.MATCHES, value="release/*"),
        Condition(argument="force", test=Comparison.IS, value=False),
    )
    assert (first.permission, first.people) == (Permission.APPROVAL, 2)
    assert first.name == "team rule 1, line 4"
    assert second.rate == Rate(most=5, seconds=3600)
    assert [layer.name for layer in book.layers(AgentName("night"))] == ["team", "agent night"]
    assert [layer.name for layer in book.layers(AgentName("desk"))] == ["team"]
    arguments: dict[str, Json] = {"branch": "release/1", "force": False}
    decision = decide(book.layers(AgentName("desk")), SPECS[0], arguments, attended=True)
    assert decision.source == "team rule 1, line 4"


def test_without_a_file_changes_are_asked_for(tmp_path: Path) -> None:
    book = read_policy(tmp_path / "policy.yaml", specs=SPECS, agents=AGENTS)
    assert book == PolicyBook()
    decision = decide(book.layers(AgentName("desk")), SPECS[3], {}, attended=False)
    assert decision.permission is Permission.APPROVAL


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "team:\n  preset: read_only\n"])
def test_little_is_enough(text: str) -> None:
    assert parse(text).team.preset is Preset.READ_ONLY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("teem: {}", "policy.yaml:1: teem: unknown key: did you mean team?"),
        ("team:\n  presets: git_safe", ":2: presets: unknown key: did you mean preset?"),
        ("team:\n  preset: git_sav", ":2: preset = git_sav: did you mean git_safe?"),
        ("team:\n  rules: none", ":2: rules: write a list"),
        ("team:\n  rules:\n    - permission: blocked", ":3: tools is missing"),
        ("team:\n  rules:\n    - tools: git.push", ":3: permission is missing: it is autonomous"),
        (
            "team:\n  rules:\n    - {tools: git.pusch, permission: blocked}",
            ":3: tools = git.pusch: there is no such tool: did you mean git.push?",
        ),
        (
            "team:\n  rules:\n    - {tools: npm.*, permission: blocked}",
            "the tools are git.push, git.log, shell.run and state.set",
        ),
        (
            "team:\n  rules:\n    - {tools: git.push, permission: allow}",
            ":3: permission = allow: it is autonomous, notify, approval or blocked",
        ),
        (
            "team:\n  rules:\n    - tools: git.push\n      permission: notify\n      rate: often",
            ':5: rate = often: write it as "5 per hour"',
        ),
        (
            "team:\n  rules:\n    - tools: git.push\n      permission: blocked\n      rate: 1 per day",
            ":5: rate: nothing runs by itself under blocked",
        ),
        (
            "team:\n  rules:\n    - tools: git.push\n      permission: approval\n      people: 0",
            ":5: people = 0: write a number from 1 to 5",
        ),
        (
            "team:\n  rules:\n    - tools: git.push\n      permission: notify\n      people: 2",
            ":5: people: only a rule with permission: approval",
        ),
        (
            "team: {rules: [{tools: git.push, permission: blocked, when: {branch: {like: x}}}]}",
            ":1: like: unknown key: the keys here are is, is_not",
        ),
        ("team: {preset: git_safe}\nteam: {}", ":2: team is there twice"),
        ("agents:\n  nigt:\n    rules: []", ":2: nigt: no such agent: did you mean night?"),
        ("agents:\n  nigt: {}", ":2: nigt: no such agent: did you mean night?"),
        ("team: [1]", ":1: write a mapping with the keys preset and rules here"),
        ("- a", ":1: write a mapping with the keys team and agents here"),
        ("team: &all {}\nagents: {night: *all}", ":1: write it out: anchors (&) and aliases"),
        ("team: &x [*x]", ":1: write it out"),
        ("team:\n\tpreset: x", "this is no YAML"),
        ("team: {", "this is no YAML"),
        ("a: \x00", "this is no YAML"),
        (
            "team:\n  rules:\n    - {tools: shell.run, permission: autonomous}",
            ":3: autonomous for shell.run is laxer than the layers above and the floors",
        ),
        (
            "team: {rules: [{tools: git.push, permission: approval}]}\n"
            + "agents: {night: {rules: [{tools: git.*, permission: notify}]}}",
            ":2: notify for git.push is laxer than the layers above and the floors",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize("permission", ["autonomous", "notify"])
def test_nothing_takes_the_question_out_of_a_checkpoint(permission: str) -> None:
    specs = (*SPECS, ToolSpec(name=CHECKPOINT, description="", risk=Risk.READ))
    text = f"team:\n  rules:\n    - {{tools: checkpoint.*, permission: {permission}}}"
    with pytest.raises(ConfigurationError) as wrong:
        parse_policy(text.encode(), name="policy.yaml", specs=specs, agents=AGENTS)
    assert f":3: {permission} for checkpoint.ask is laxer than" in str(wrong.value)
    assert str(wrong.value).endswith("at least approval")
    rule = "team: {rules: [{tools: checkpoint.ask, permission: blocked}]}"
    parse_policy(rule.encode(), name="policy.yaml", specs=specs, agents=AGENTS)


def blocked(tools: str, when: str) -> str:
    rule = f'    - tools: "{tools}"\n      permission: blocked\n      when: {when}\n'
    return "team:\n  rules:\n" + rule


@pytest.mark.parametrize(
    ("tools", "when", "said"),
    [
        ("git.push", "{brnch: main}", "there is no argument brnch here: did you mean branch?"),
        ("git.*", "{tsk: x}", "there is no argument tsk here: the arguments are branch, force"),
        ("shell.run", "{command: x}", "there is no argument command here: there are none"),
        ("git.push", '{number: "3"}', 'number: it is a whole number, and never "3"'),
        ("git.push", "{number: 3.5}", "number: it is a whole number, and never 3.5"),
        ("git.push", "{number: true}", "number: it is a whole number, and never true"),
        ("git.push", "{share: {is_not: .nan}}", "share: it is a number, and never NaN"),
        ("git.push", "{branch: 1.0}", "branch: it is text (in quotes), and never 1.0"),
        ("git.push", "{branch: null}", "branch: it is text (in quotes), and never null"),
        ("git.push", "{branch: [a]}", 'branch: it is text (in quotes), and never ["a"]'),
        ("git.push", "{branch: {is: {a: b}}}", "write a value or a list here, and no mapping"),
        ("git.push", "{branch: {is_not: 3}}", "branch: it is text (in quotes), and never 3"),
        ("git.push", "{branch: {matches: 5}}", "branch: matches takes a pattern, not 5"),
        ("git.push", "{branch: {not_matches: [a]}}", "not_matches takes a pattern"),
        ("git.push", "{branch: {in: main}}", "branch: in takes a list of values"),
        ("git.push", "{branch: {not_in: []}}", "branch: not_in takes a list of values"),
        ("git.push", "{branch: {in: [a, 1]}}", "branch: it is text (in quotes), and never 1"),
        ("git.push", "{branch: {at_most: 3}}", "branch: it is text, and at_most looks at a whole"),
        ("git.push", '{number: {more_than: "3"}}', 'more_than takes a number, not "3"'),
        ("git.push", "{number: {more_than: .inf}}", "more_than takes a number, not Infinity"),
        ("git.push", "{number: {matches: x}}", "number: it is a whole number, and matches looks"),
        ("git.log", "{path: {under: ../x}}", 'path: under takes a folder without .., not "../x"'),
        ("git.push", "{force: {longer_than: 1}}", "longer_than looks at text or a list"),
        ("git.push", "{branch: {longer_than: -1}}", "longer_than takes a number from 0, not -1"),
        ("git.push", "{how: quick}", "how: it is fast or slow, so how is 'quick' never holds"),
        ("git.push", "{how: {matches: q*}}", "so how matches 'q*' never holds"),
        ("git.push", "{labels: a}", 'labels: it is a list, and never "a"'),
        ("git.push", "{labels: [1]}", "labels: it is a list, and never [1]"),
        ("git.push", "{branch: {}}", "branch: write a value, or one of is, is_not"),
        ("git.*", "{branch: a, path: b}", "when: no tool of git.* has all of these arguments"),
        ("git.*", "{branch: a, number: '3'}", "when: no tool of git.* has all of these arguments"),
    ],
)
def test_a_condition_that_can_never_be_so_is_refused(tools: str, when: str, said: str) -> None:
    wrong = refused(blocked(tools, when))
    assert "policy.yaml:5: " in wrong
    assert said in wrong


@pytest.mark.parametrize(
    ("tools", "when", "arguments"),
    [
        ("git.*", "{branch: main}", {"branch": "main"}),
        ("git.*", '{number: "3"}', {"number": "3"}),
        ("git.push", "{share: 3}", {"share": 3.0}),
        ("git.push", "{share: {in: [1, 2.5]}}", {"share": 1.0}),
        ("git.push", "{number: {more_than: 2.5}}", {"number": 3}),
        ("git.push", "{how: {is_not: fast}}", {"how": "slow"}),
        ("git.push", "{labels: [a]}", {"labels": ["a"]}),
        ("git.push", "{labels: null}", {"labels": None}),
        ("git.push", "{labels: {longer_than: 0}}", {"labels": ["a"]}),
        ("git.push", "{branch: 2026-01-01}", {"branch": "2026-01-01"}),
        ("git.log", "{path: {under: src}}", {"path": "src/a"}),
    ],
)
def test_a_condition_that_can_be_so_applies(
    tools: str, when: str, arguments: dict[str, Json]
) -> None:
    (rule,) = parse(blocked(tools, when)).team.rules
    assert rule.applies(tools.replace("*", "push"), arguments)


def test_everything_wrong_is_told_at_once() -> None:
    lines = refused("teem: {}\nteam:\n  preset: x\n").splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "3"]


def test_other_bytes_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read_policy(path, specs=SPECS, agents=AGENTS)
    for text in (b"[" * 100_000, b"[\n" * 90_000, b"- " * 90_000, b"? " * 90_000):
        path.write_bytes(text)
        with pytest.raises(ConfigurationError, match="nested too deeply, or the line is too long"):
            read_policy(path, specs=SPECS, agents=AGENTS)
    path.write_bytes(b"\n".join(b" " * n + b"a:" for n in range(500)))
    with pytest.raises(ConfigurationError):
        read_policy(path, specs=SPECS, agents=AGENTS)
    path.write_bytes(b"#\n" * 100_001)
    with pytest.raises(ConfigurationError, match="larger than"):
        read_policy(path, specs=SPECS, agents=AGENTS)


@given(st.text(alphabet=st.sampled_from("team:rules-{}[]&*!'\"\n \tpreset#|>%@0~"), max_size=80))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        parse(text)
    except ConfigurationError as error:
        assert "policy.yaml:" in str(error)  # noqa: PT017 - either is fine
