"""`policy.yaml`: what it says, and what is wrong with it, with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.configuration.policyfile import parse_policy, read_policy
from runtime.errors import ConfigurationError
from runtime.ids import AgentName
from runtime.model.tools import Json, Risk, ToolSpec
from runtime.policy.book import PolicyBook
from runtime.policy.judge import decide
from runtime.policy.rules import Comparison, Condition, Permission, Preset, Rate

SPECS = (
    ToolSpec(name="git.push", description="", risk=Risk.EXTERNAL),
    ToolSpec(name="git.log", description="", risk=Risk.READ),
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
