"""Policy: one answer for each call, the strictest word, and the name of who said it."""

import itertools
import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import Refused
from runtime.ids import AgentName, ConversationId, ToolCallId, TurnId
from runtime.model.checkpoint import CHECKPOINT
from runtime.model.tools import Json, Risk, ToolCall, ToolSpec
from runtime.policy.book import PolicyBook
from runtime.policy.engine import RulePolicy
from runtime.policy.judge import Rates, decide, too_lax
from runtime.policy.rules import (
    ALWAYS_ASKED,
    ASKED_FOR,
    FLOORS,
    PART_OF_THE_ANSWER,
    PRESETS,
    SYSTEM,
    Comparison,
    Condition,
    Layer,
    Permission,
    Preset,
    Rate,
    Rule,
)
from runtime.ports import ToolContext, Verdict
from tests.support.build import ANN, DM
from tests.support.clock import ManualClock

AUTO, NOTIFY, ASK, BLOCK = Permission
PUSH = ToolSpec(name="git.push", description="", risk=Risk.EXTERNAL)
READ = ToolSpec(name="file.read", description="", risk=Risk.READ)
SHELL = ToolSpec(name="shell.run", description="", risk=Risk.DANGEROUS)
MAKE = ToolSpec(name="schedule.create", description="", risk=Risk.WRITE)
WRITE = ToolSpec(name="state.set", description="", risk=Risk.WRITE)


def rule(tools: str, permission: Permission, *when: Condition, people: int | None = None) -> Rule:
    return Rule(name=f"rule {tools}", tools=tools, when=when, permission=permission, people=people)


def on(argument: str, test: Comparison, value: Json) -> Condition:
    return Condition(argument=argument, test=test, value=value)


def said(
    *layers: Layer,
    spec: ToolSpec = PUSH,
    arguments: dict[str, Json] | None = None,
    attended: bool = True,
) -> Permission:
    return decide(layers, spec, arguments or {}, attended=attended).permission


@pytest.mark.parametrize("preset", list(Preset))
@pytest.mark.parametrize("risk", list(Risk))
def test_a_preset_says_what_its_table_says(preset: Preset, risk: Risk) -> None:
    spec = ToolSpec(name="x", description="", risk=risk)
    decision = decide([Layer(name="team", preset=preset)], spec, {}, attended=True)

    assert decision.permission is PRESETS[preset][risk]
    assert decision.source in {
        f"team preset {preset.value}, {risk} tools",
        f"the floor for {risk} tools",
    }


def test_without_a_layer_nothing_runs() -> None:
    assert said() is BLOCK


def test_the_first_rule_that_applies_is_the_layers_word() -> None:
    layer = Layer(
        name="team",
        preset=Preset.READ_ONLY,
        rules=(
            rule("git.push", ASK, on("branch", Comparison.MATCHES, "release/*")),
            rule("git.*", NOTIFY),
            rule("git.push", BLOCK),
        ),
    )
    assert said(layer, arguments={"branch": "release/1"}) is ASK
    assert said(layer, arguments={"branch": "main"}) is NOTIFY


def test_the_strictest_layer_holds_and_says_its_name() -> None:
    team = Layer(name="team", preset=Preset.FULL_AUTO)
    agent = Layer(name="agent night", rules=(rule("git.*", BLOCK),))

    decision = decide([team, agent], PUSH, {}, attended=True)

    assert decision.permission is BLOCK
    assert decision.source == "rule git.*"
    assert [word.permission for word in decision.words] == [AUTO, BLOCK, AUTO]


def test_no_layer_lifts_a_floor() -> None:
    lax = Layer(name="team", preset=Preset.FULL_AUTO, rules=(rule("*", AUTO),))
    decision = decide([lax], SHELL, {}, attended=True)

    assert decision.permission is ASK
    assert decision.source == "the floor for dangerous tools"
    assert decision.people == 2


def test_a_rule_can_ask_for_more_people_and_not_for_fewer() -> None:
    strict = Layer(name="team", rules=(rule("*", ASK, people=3),))
    lax = Layer(name="team", rules=(rule("*", ASK, people=1),))

    assert decide([strict], PUSH, {}, attended=True).people == 3
    assert decide([lax], SHELL, {}, attended=True).people == 2
    assert decide([lax], PUSH, {}, attended=True).people == 1


def test_what_a_person_could_do_by_a_command_runs_while_they_talk_and_not_at_night() -> None:
    layer = Layer(name="team", preset=Preset.READ_ONLY)
    assert said(layer, spec=MAKE, attended=True) is AUTO
    assert said(layer, spec=MAKE, attended=False) is ASK
    assert said(layer, spec=WRITE, attended=True) is ASK
    blocked = Layer(name="team", preset=Preset.READ_ONLY, rules=(rule("schedule.*", BLOCK),))
    assert said(blocked, spec=MAKE, attended=True) is BLOCK


@pytest.mark.parametrize(
    ("test", "value", "holds", "fails"),
    [
        (Comparison.IS, "a", ["a"], ["b", 1, None, True]),
        (Comparison.IS, 1, [1, 1.0], [True, 1.5, "1"]),
        (Comparison.IS, [1, "a"], [[1, "a"], [1.0, "a"]], [[True, "a"], [1], 1]),
        (Comparison.IS_NOT, "a", ["b", 1], ["a"]),
        (Comparison.IN, ["a", "b"], ["a"], ["c", "A", ["a"]]),
        (Comparison.NOT_IN, ["a"], ["b"], ["a"]),
        (Comparison.MATCHES, "rel/*", ["rel/1", "rel/"], ["xrel/1", "rel", 5]),
        (Comparison.NOT_MATCHES, "rel/*", ["main"], ["rel/1", 5]),
        (
            Comparison.UNDER,
            "/w",
            ["/w", "/w/a", "/w/a/../b"],
            ["/wx", "/w/../etc", "w/a", "/w\0", "/w/a\0b", 3],
        ),
        (Comparison.UNDER, "/X/", ["/X/a"], ["/a", "/"]),
        (Comparison.UNDER, "/", ["/", "/a"], ["a", "../a"]),
        (Comparison.UNDER, 3, [], ["3", 3]),
        (Comparison.UNDER, "w", ["w/a", "./w"], ["../w", "x", "/w"]),
        (Comparison.UNDER, ".", ["a", "."], ["..", "/a"]),
        (Comparison.AT_MOST, 5, [5, 4.5], [6, True, "4"]),
        (Comparison.MORE_THAN, 5, [6], [5, "9", True]),
        (Comparison.LONGER_THAN, 2, ["abc", ["a", "b", "c"]], ["ab", 123]),
    ],
)
def test_conditions(test: Comparison, value: Json, holds: list[Json], fails: list[Json]) -> None:
    condition = on("x", test, value)
    assert [one for one in holds if not condition.holds({"x": one})] == []
    assert [one for one in fails if condition.holds({"x": one})] == []
    assert not holds or not condition.holds({"y": holds[0]})


def test_a_condition_is_said_in_words() -> None:
    assert str(on("branch", Comparison.NOT_IN, ["main", 1])) == "branch not in ['main', 1]"
    assert str(on("lines", Comparison.LONGER_THAN, 5)) == "lines longer than 5"


def test_a_rule_that_is_laxer_than_a_layer_above_is_found() -> None:
    team = Layer(name="team", rules=(rule("git.*", ASK),), preset=Preset.FULL_AUTO)
    agent = Layer(name="agent", rules=(rule("git.push", AUTO), rule("file.*", AUTO)))

    (lax,) = too_lax([team, agent], [PUSH, READ])

    assert (lax.rule.tools, lax.tool, lax.least) == ("git.push", "git.push", ASK)


def test_a_rule_is_not_too_lax_where_a_condition_above_leaves_room() -> None:
    conditional = rule("git.*", ASK, on("branch", Comparison.IS, "main"))
    team = Layer(name="team", rules=(conditional,), preset=Preset.FULL_AUTO)
    agent = Layer(name="agent", rules=(rule("git.push", AUTO),))

    assert too_lax([team, agent], [PUSH]) == []


def test_a_rule_below_a_floor_is_found() -> None:
    team = Layer(name="team", rules=(rule("shell.*", NOTIFY),))
    (lax,) = too_lax([team], [SHELL])
    assert lax.least is ASK


def test_rates_count_within_their_time(clock: ManualClock) -> None:
    rates, hourly = Rates(clock), Rate(most=2, seconds=3600)
    limited = rule("git.*", NOTIFY)
    night = AgentName("night")

    assert [rates.exceeded(limited, hourly, night) for _ in range(3)] == [False, False, True]
    assert not rates.exceeded(limited, hourly, AgentName("desk"))


async def test_rates_forget(clock: ManualClock) -> None:
    rates, hourly = Rates(clock), Rate(most=1, seconds=3600)
    limited = rule("git.*", NOTIFY)
    night = AgentName("night")
    assert not rates.exceeded(limited, hourly, night)
    await clock.advance(3599)
    assert rates.exceeded(limited, hourly, night)
    await clock.advance(1)
    assert not rates.exceeded(limited, hourly, night)


PERMISSIONS = st.sampled_from(list(Permission))
LAYERS = st.lists(
    st.builds(
        Layer,
        name=st.just("layer"),
        preset=st.none() | st.sampled_from(list(Preset)),
        rules=st.lists(
            st.builds(rule, st.sampled_from(["git.push", "git.*", "*", "file.read"]), PERMISSIONS),
            max_size=4,
        ).map(tuple),
    ),
    max_size=3,
)


@given(LAYERS, LAYERS, st.sampled_from([PUSH, READ, SHELL, WRITE]))
def test_a_lower_layer_never_makes_it_laxer(
    above: list[Layer], below: list[Layer], spec: ToolSpec
) -> None:
    alone, together = said(*above, spec=spec), said(*above, *below, spec=spec)
    spoke = any(decide([layer], spec, {}, attended=False).words[0].rule for layer in above) or any(
        layer.preset for layer in above
    )
    if spoke:
        assert together.strictness >= alone.strictness
    assert together.strictness >= FLOORS[spec.risk].strictness


@pytest.mark.parametrize("attended", [True, False])
@pytest.mark.parametrize("tool", ["git.push", "schedule.create", "file.send"])
def test_a_laxer_preset_of_an_agent_gives_no_more_than_the_team_does(
    tool: str, attended: bool
) -> None:
    for ours, theirs, risk in itertools.product(Preset, Preset, Risk):
        spec = ToolSpec(name=tool, description="", risk=risk)
        team, agent = Layer(name="team", preset=ours), Layer(name="agent night", preset=theirs)
        alone = decide([team], spec, {}, attended=attended).permission
        own = decide([agent], spec, {}, attended=attended).permission
        both = decide([team, agent], spec, {}, attended=attended)
        assert both.permission is max(alone, own, key=lambda word: word.strictness)
        assert [word.layer for word in both.words] == ["team", "agent night", SYSTEM]


def test_full_auto_of_an_agent_under_a_git_safe_team_asks() -> None:
    team = Layer(name="team", preset=Preset.GIT_SAFE)
    night = Layer(name="agent night", preset=Preset.FULL_AUTO)
    decision = decide([team, night], PUSH, {}, attended=False)
    assert decision.permission is Permission.APPROVAL
    assert decision.source == "team preset git_safe, external tools"


@given(LAYERS, st.sampled_from([PUSH, READ, SHELL, WRITE]))
def test_the_same_call_has_the_same_answer(layers: list[Layer], spec: ToolSpec) -> None:
    assert decide(layers, spec, {}, attended=True) == decide(layers, spec, {}, attended=True)


def test_every_rule_that_is_too_lax_is_found_with_the_first_tool_that_shows_it() -> None:
    team = Layer(name="team", rules=(rule("git.push", BLOCK), rule("file.read", ASK)))
    lax, fine = rule("git.*", ASK), rule("file.*", ASK)
    agent = Layer(name="agent", rules=(fine, lax, rule("*", NOTIFY)))
    found = too_lax([team, agent], [READ, PUSH, SHELL])
    assert [(one.rule, one.tool, one.least) for one in found] == [
        (lax, "git.push", BLOCK),
        (agent.rules[2], "file.read", ASK),
    ]


def test_the_least_of_a_layer_is_the_laxest_that_it_can_say() -> None:
    sometimes = rule("git.push", NOTIFY, on("branch", Comparison.IS, "main"))
    mine = Layer(name="agent", rules=(rule("git.push", AUTO),))
    always = Layer(name="team", rules=(sometimes, rule("git.push", BLOCK)))
    assert [one.least for one in too_lax([always, mine], [PUSH])] == [NOTIFY]
    preset = Layer(name="team", preset=Preset.READ_ONLY, rules=(sometimes,))
    (lax,) = too_lax([preset, mine], [PUSH])
    assert lax.least is NOTIFY
    unsaid = Layer(name="team", rules=(sometimes,))
    floor = FLOORS[PUSH.risk]
    assert [one.least for one in too_lax([unsaid, mine], [PUSH])] == (
        [floor] if floor is not AUTO else []
    )


@pytest.mark.parametrize("name", sorted(ASKED_FOR | PART_OF_THE_ANSWER))
def test_what_the_person_could_do_themselves_is_never_held_against_a_rule(name: str) -> None:
    spec = ToolSpec(name=name, description="", risk=Risk.WRITE)
    team = Layer(name="team", preset=Preset.READ_ONLY)
    assert too_lax([team, Layer(name="agent", rules=(rule(name, AUTO),))], [spec]) == []
    decision = decide([team], spec, {}, attended=True)
    why = "is part of the answer" if name in PART_OF_THE_ANSWER else "could do by a command"
    assert decision.permission is AUTO
    assert why in decision.source


GATE = ToolSpec(name=CHECKPOINT, description="", risk=Risk.READ)


@given(LAYERS, st.booleans())
def test_what_always_asks_is_asked_or_blocked_whatever_the_layers_say(
    layers: list[Layer], attended: bool
) -> None:
    decision = decide(layers, GATE, {}, attended=attended)
    assert decision.permission.strictness >= ASK.strictness
    assert decision.words[-1].permission is ASK
    assert decision.words[-1].source == "checkpoint.ask always asks people"
    assert {GATE.name} == ALWAYS_ASKED


@pytest.mark.parametrize("tools", [CHECKPOINT, "checkpoint.*", "check*"])
@pytest.mark.parametrize("permission", Permission)
def test_a_rule_that_lets_only_that_run_by_itself_is_too_lax(
    tools: str, permission: Permission
) -> None:
    team = Layer(name="team", rules=(rule(tools, permission),))
    found = [(one.tool, one.least) for one in too_lax([team], [READ, GATE])]
    assert found == ([(CHECKPOINT, ASK)] if permission in {AUTO, NOTIFY} else [])


def test_a_rule_over_more_than_that_has_its_way_with_the_rest() -> None:
    team = Layer(name="team", rules=(rule("*", AUTO),))
    assert too_lax([team], [READ, GATE]) == []
    assert decide([team], GATE, {}, attended=False).permission is ASK
    strict = Layer(name="team", rules=(rule(CHECKPOINT, BLOCK),))
    below = Layer(name="agent", rules=(rule("*", AUTO),))
    assert [one.tool for one in too_lax([strict, below], [READ, GATE])] == [CHECKPOINT]


def test_where_no_layer_has_a_word_that_is_said() -> None:
    assert decide([], PUSH, {}, attended=True).source == "no layer says anything of it"


# ---- what was handed over


STRICT = Layer(name="agent night", rules=(rule("git.*", Permission.BLOCKED),))
LISTED = rule("x", Permission.BLOCKED, on("branch", Comparison.IN, ["main", "release"]))
BOOK = PolicyBook(
    team=Layer(name="team", preset=Preset.FULL_AUTO, rules=(LISTED,)),
    agents={AgentName("night"): STRICT},
)


@pytest.mark.parametrize(
    ("agent", "chain", "says"),
    [
        ("day", (), Permission.AUTONOMOUS),
        ("night", (), Permission.BLOCKED),
        ("day", ("night",), Permission.BLOCKED),
        ("day", ("night", "other"), Permission.BLOCKED),
        ("night", ("day",), Permission.BLOCKED),
        ("day", ("other",), Permission.AUTONOMOUS),
    ],
)
def test_what_was_handed_over_is_judged_by_the_rules_of_all_who_had_it(
    clock: ManualClock, agent: str, chain: tuple[str, ...], says: Permission
) -> None:
    policy = RulePolicy(lambda: BOOK, read=lambda _call: {}, clock=clock)
    context = ToolContext(
        turn=TurnId("turn"),
        conversation=ConversationId("talk"),
        agent=AgentName(agent),
        requester=ANN,
        thread=DM,
        attended=False,
        chain=tuple(map(AgentName, chain)),
    )
    spec = ToolSpec(name="git.push", description="", risk=Risk.EXTERNAL)
    assert policy.explain(spec, {}, context).permission is says


@pytest.mark.parametrize(
    ("permission", "verdict", "notify"),
    [
        (AUTO, Verdict.ALLOW, False),
        (NOTIFY, Verdict.ALLOW, True),
        (ASK, Verdict.ASK, False),
        (BLOCK, Verdict.DENY, False),
    ],
)
async def test_people_are_told_of_what_only_notifies(
    clock: ManualClock, permission: Permission, verdict: Verdict, notify: bool
) -> None:
    book = PolicyBook(team=Layer(name="team", rules=(rule("git.*", permission),)))
    policy = RulePolicy(lambda: book, read=lambda _call: {}, clock=clock)
    context = ToolContext(
        turn=TurnId("turn"),
        conversation=ConversationId("talk"),
        agent=AgentName("desk"),
        requester=ANN,
        thread=DM,
        attended=True,
    )
    call = ToolCall(id=ToolCallId("c1"), name=PUSH.name, arguments="{}")
    for counted in (True, False):
        judged = await policy.judge(call, PUSH, context, counted=counted)
        assert (judged.verdict, judged.notify) == (verdict, notify)


# ---- the policy that turns ask


AS_ASKED = ToolContext(
    turn=TurnId("turn"),
    conversation=ConversationId("talk"),
    agent=AgentName("desk"),
    requester=ANN,
    thread=DM,
    attended=True,
)
CALL = ToolCall(id=ToolCallId("c1"), name=PUSH.name, arguments="{}")


def judging(clock: ManualClock, *rules: Rule, read: Json = None) -> RulePolicy:
    """The team's rules over a tool that is given `branch`, whatever the model wrote."""
    book = PolicyBook(team=Layer(name="team", preset=Preset.READ_ONLY, rules=rules))
    return RulePolicy(lambda: book, read=lambda _call: {"branch": read}, clock=clock)


async def test_a_rule_looks_at_what_the_tool_is_given(clock: ManualClock) -> None:
    branch = rule("git.*", ASK, on("branch", Comparison.IS, "main"), people=3)
    asks = await judging(clock, branch, read="main").judge(CALL, PUSH, AS_ASKED)
    assert (asks.verdict, asks.reason, asks.needed) == (Verdict.ASK, "rule git.*", 3)
    assert asks.looked_at == {"branch"}
    other = await judging(clock, branch, read="dev").judge(CALL, PUSH, AS_ASKED)
    assert (other.verdict, other.reason) == (
        Verdict.DENY,
        "team preset read_only, external tools",
    )


async def test_what_the_person_could_do_themselves_runs_only_while_they_talk(
    clock: ManualClock,
) -> None:
    policy = judging(clock)
    for attended, verdict in ((True, Verdict.ALLOW), (False, Verdict.ASK)):
        context = replace(AS_ASKED, attended=attended)
        assert (await policy.judge(CALL, MAKE, context)).verdict is verdict


async def test_what_does_not_fit_the_tool_is_the_tools_to_refuse(clock: ManualClock) -> None:
    def read(_call: ToolCall) -> dict[str, Json]:
        raise Refused("branch is missing")

    blocked = PolicyBook(team=Layer(name="team", rules=(rule("*", BLOCK),)))
    judged = await RulePolicy(lambda: blocked, read=read, clock=clock).judge(CALL, PUSH, AS_ASKED)
    assert (judged.verdict, judged.reason, judged.notify) == (
        Verdict.ALLOW,
        "its arguments do not fit the tool",
        False,
    )


async def test_what_happens_too_often_is_asked_for_agent_by_agent(clock: ManualClock) -> None:
    branch = on("branch", Comparison.IS, "main")
    hourly = replace(rule("git.*", AUTO, branch, people=2), rate=Rate(most=1, seconds=3600))
    policy = judging(clock, hourly, read="main")
    night = replace(AS_ASKED, agent=AgentName("night"))
    assert (await policy.judge(CALL, PUSH, AS_ASKED, counted=False)).verdict is Verdict.ALLOW
    assert (await policy.judge(CALL, PUSH, AS_ASKED)).verdict is Verdict.ALLOW
    assert not (await policy.judge(CALL, PUSH, night)).too_often

    judged = await policy.judge(CALL, PUSH, AS_ASKED)

    assert (judged.verdict, judged.too_often, judged.needed) == (Verdict.ASK, True, 2)
    assert judged.reason == "rule git.*: more often than it may happen by itself"
    assert judged.looked_at == {"branch"}


async def test_a_rate_counts_nothing_that_does_not_run_by_itself(clock: ManualClock) -> None:
    hourly = replace(rule("git.*", ASK), rate=Rate(most=1, seconds=3600))
    policy = judging(clock, hourly)
    judged = [await policy.judge(CALL, PUSH, AS_ASKED) for _ in range(3)]
    assert [(one.verdict, one.too_often) for one in judged] == [(Verdict.ASK, False)] * 3


@pytest.mark.parametrize(
    ("permission", "counted", "lines"),
    [(NOTIFY, True, 1), (NOTIFY, False, 0), (AUTO, True, 0), (ASK, True, 0)],
)
async def test_what_only_notifies_is_in_the_log_once_it_counts(
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    permission: Permission,
    counted: bool,
    lines: int,
) -> None:
    caplog.set_level(logging.WARNING, logger="nightdesk.policy")
    policy = judging(clock, rule("git.*", permission))
    await policy.judge(CALL, PUSH, AS_ASKED, counted=counted)
    told = [
        (one.getMessage(), vars(one)["tool"], vars(one)["agent"], vars(one)["rule"])
        for one in caplog.records
    ]
    assert told == [("policy.notify", "git.push", "desk", "rule git.*")] * lines


def test_what_rules_look_at_is_what_those_about_the_tool_look_at() -> None:
    path, branch = (on(name, Comparison.IS, "x") for name in ("path", "branch"))
    team = Layer(name="team", rules=(rule("file.*", ASK, path), rule("git.*", ASK, branch)))
    decision = decide([team, Layer(name="agent", rules=(rule("*", ASK),))], PUSH, {}, attended=True)
    assert decision.looked_at == {"branch"}
    assert [word.layer for word in decision.words] == ["agent", "system"]
