"""What `nightdesk.toml` says, and what is said of it where it is wrong."""

from textwrap import dedent

import pytest

from bot.configuration.document import parse_document
from bot.configuration.problems import Problems
from bot.configuration.team import DEFAULT_INSTRUCTIONS, FileConfiguration, read_team
from bot.configuration.values import OFFLINE
from runtime.ids import AgentName, ModelName, Platform
from runtime.model.address import ChannelRef, Principal
from runtime.model.team import Listen, MemberRole, Sharing
from tests.support.build import role_of

SLACK = Platform("slack")


def read(text: str) -> FileConfiguration:
    problems = Problems()
    document = parse_document(dedent(text).encode(), name="nightdesk.toml", problems=problems)
    assert document is not None
    configuration = read_team(document)
    problems.raise_if_any()
    return configuration


def said_of(text: str | bytes) -> list[str]:
    """What is said of a file, one problem a line."""
    problems = Problems()
    raw = text if isinstance(text, bytes) else dedent(text).encode()
    document = parse_document(raw, name="nightdesk.toml", problems=problems)
    if document is not None:
        read_team(document)
    return [str(problem) for problem in sorted(set(problems.found))]


def test_a_whole_file_becomes_a_team() -> None:
    read_file = read("""\
        [team]
        name = "Ops"
        timezone = "Europe/Berlin"
        [slack]
        workspace = "T012AB"
        [[members]]
        name = "Ana"
        role = "owner"
        slack = ["U0123", "T0FOREIGN/W0456"]
        terminal = "you"
        [[members]]
        name = "Bo"
        slack = "U0789"
        [[channels]]
        platform = "slack"
        id = "C0123ABCD"
        name = "#ops"
        listen = "all"
        proactive = true
        agent = "night"
        [[channels]]
        platform = "slack"
        id = "T0OTHER/G0123ABCD"
        listen = true
        [[agents]]
        name = "desk"
        [[agents]]
        name = "night"
        model = "fast"
        instructions = "Be brief."
        [models.fast]
        model = "openai/gpt-4.1-mini"
        base_url = "http://127.0.0.1:8080/v1/"
        context_tokens = 8192
        timeout_seconds = 2.5
        """)
    team = read_file.team
    assert (team.name, team.zone) == ("Ops", "Europe/Berlin")
    assert role_of(team, Principal(SLACK, "T0FOREIGN", "W0456")) is MemberRole.OWNER
    assert role_of(team, Principal(Platform("terminal"), "local", "you")) is MemberRole.OWNER
    assert role_of(team, Principal(SLACK, "T012AB", "U0789")) is MemberRole.MEMBER
    ops = team.rule_of(ChannelRef(SLACK, "T012AB", "C0123ABCD"))
    assert ops is not None
    assert (ops.name, ops.listen, ops.proactive, ops.agent) == ("ops", Listen.ALL, True, "night")
    other = team.rule_of(ChannelRef(SLACK, "T0OTHER", "G0123ABCD"))
    assert other is not None
    assert (other.name, other.listen, other.proactive) == ("G0123ABCD", Listen.MENTIONS, False)
    assert other.agent == "desk", "the first agent answers where none is named"
    night = team.agent(AgentName("night"))
    assert night is not None
    assert (night.model, night.instructions) == ("fast", "Be brief.")
    fast = read_file.models[ModelName("fast")]
    assert (fast.base_url, fast.context_tokens) == ("http://127.0.0.1:8080/v1", 8192)
    assert fast.timeout_seconds == 2.5


def test_an_agent_is_granted_what_the_file_says_and_nothing_else() -> None:
    team = read("""\
        [[agents]]
        name = "desk"
        hands_to = ["night", "day"]
        shared_state = "write"
        [[agents]]
        name = "night"
        shared_state = "read"
        [[agents]]
        name = "day"
        [[members]]
        name = "Pager"
        terminal = "pager"
        bot = true
    """).team
    desk, night, day = team.agents
    assert (desk.hands_to, desk.sharing) == (("night", "day"), Sharing.WRITE)
    assert (night.hands_to, night.sharing) == ((), Sharing.READ)
    assert (day.hands_to, day.sharing) == ((), Sharing.NONE)
    assert team.members[0].bot


def test_an_empty_file_lets_nobody_in_and_has_one_offline_agent() -> None:
    team = read("").team
    assert (team.zone, team.members, team.channels) == ("UTC", (), ())
    assert [(a.name, a.model, a.instructions) for a in team.agents] == [
        ("desk", OFFLINE, DEFAULT_INSTRUCTIONS)
    ]


@pytest.mark.parametrize(
    ("value", "listen"),
    [
        ("true", Listen.MENTIONS),
        ("false", Listen.OFF),
        ('"all"', Listen.ALL),
        ('"mentions"', Listen.MENTIONS),
        ('"off"', Listen.OFF),
    ],
)
def test_listen(value: str, listen: Listen) -> None:
    file = read(f'[[channels]]\nplatform = "terminal"\nid = "ops"\nlisten = {value}\n')
    assert file.team.channels[0].listen is listen


CHANNEL = '[slack]\nworkspace = "T012AB"\n[[channels]]\nplatform = "slack"\nid = "C0123ABCD"\n'
MEMBER = '[[members]]\nname = "Ana"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            '[slack]\nworkspace = "T012AB"\n[[channels]]\nplatform = "slack"\nid = "#general"\n',
            'nightdesk.toml:5: channels[0].id = "#general": a channel is named by its id here, '
            'such as "C0123ABCD" (Slack: channel details, at the bottom)',
            id="a channel's name",
        ),
        pytest.param(
            CHANNEL.replace("C0123ABCD", "GENERAL"),
            'nightdesk.toml:5: channels[0].id = "GENERAL": a channel is named by its id',
            id="a channel's name in capitals",
        ),
        pytest.param(
            CHANNEL.replace("C0123ABCD", "U0123ABCD"),
            'nightdesk.toml:5: channels[0].id = "U0123ABCD": a channel is named by its id',
            id="a person where a channel belongs",
        ),
        pytest.param(
            '[[channels]]\nplatform = "slack"\nid = "C0123ABCD"\n',
            'nightdesk.toml:3: channels[0].id = "C0123ABCD": which workspace? '
            'write "T0123ABCD/C0123ABCD", or once for the whole file: [slack] workspace =',
            id="no workspace",
        ),
        pytest.param(
            MEMBER + 'slack = "@ana"\n',
            'nightdesk.toml:3: members[0].slack = "@ana": a person is named by their member id here, '
            'such as "U0123ABCD"',
            id="a person's name",
        ),
        pytest.param(
            MEMBER + 'slack = "acme/U0123ABCD"\n',
            'nightdesk.toml:3: members[0].slack = "acme/U0123ABCD": a workspace is named by its id',
            id="a workspace's name",
        ),
        pytest.param(
            MEMBER + 'slack = ["T012AB/U0123ABCD",\n 7]\n',
            'nightdesk.toml:3: members[0].slack = ["T012AB/U0123ABCD", 7]: write a text in quotes',
            id="a number among ids",
        ),
        pytest.param(
            MEMBER + 'terminal = "You there"\n',
            'nightdesk.toml:3: members[0].terminal = "You there": a person at the terminal is a short',
            id="no terminal user",
        ),
        pytest.param(
            '[[channels]]\nplatform = "terminal"\nid = "#ops"\n',
            'nightdesk.toml:3: channels[0].id = "#ops": a terminal channel is a short lower-case word '
            'without "#", such as "ops"',
            id="a terminal channel with its sign",
        ),
        pytest.param(
            '[[channels]]\nplatform = "terminal"\nid = "dm"\n',
            'nightdesk.toml:3: channels[0].id = "dm": that is the direct message',
            id="the terminal's direct message",
        ),
        pytest.param(
            CHANNEL + "proactiv = true\n",
            "nightdesk.toml:6: channels[0].proactiv: unknown key: did you mean proactive?",
            id="an unknown key near a known one",
        ),
        pytest.param(
            MEMBER + "shoe_size = 47\n",
            "nightdesk.toml:3: members[0].shoe_size: unknown key: "
            "the keys here are name, role, slack, telegram, discord, terminal, timezone and bot",
            id="an unknown key",
        ),
        pytest.param(
            "[[channel]]\n",
            "nightdesk.toml:1: channel: unknown key: did you mean channels?",
            id="table",
        ),
        pytest.param(
            "[members]\nname = 'Ana'\n",
            "nightdesk.toml:1: members: write [[members]] on a line of its own, once for each",
            id="a table where a list of tables belongs",
        ),
        pytest.param(
            "members = ['Ana']\n",
            "nightdesk.toml:1: members: write [[members]] on a line of its own, once for each",
            id="texts where tables belong",
        ),
        pytest.param(
            "team = 'ops'\n",
            "nightdesk.toml:1: team: write [team] on a line of its own, and its keys below it",
            id="a text where a table belongs",
        ),
        pytest.param(
            "[[models]]\nmodel = 'a/b'\n",
            "nightdesk.toml:1: models: write [models.<name>] on a line of its own",
            id="models as a list",
        ),
        pytest.param(
            '[team]\ntimezone = "Europe/Berln"\n',
            'nightdesk.toml:2: team.timezone = "Europe/Berln": there is no such time zone; '
            "did you mean Europe/Berlin?",
            id="a zone near a known one",
        ),
        pytest.param(
            '[team]\ntimezone = "home"\n',
            'nightdesk.toml:2: team.timezone = "home": there is no such time zone: '
            'a time zone is written as "Europe/Berlin"',
            id="a zone near none",
        ),
        pytest.param(
            '[team]\ntimezone = "../../etc/passwd"\n',
            "nightdesk.toml:2: team.timezone = ",
            id="a zone that is a path",
        ),
        pytest.param(
            MEMBER + 'role = "boss"\n',
            'nightdesk.toml:3: members[0].role = "boss": '
            "a role is owner, admin, operator, member or guest",
            id="a role",
        ),
        pytest.param(
            CHANNEL + 'proactive = "yes"\n',
            'nightdesk.toml:6: channels[0].proactive = "yes": write true or false, without quotes',
            id="a text where a switch belongs",
        ),
        pytest.param(
            CHANNEL + 'listen = "sometimes"\n',
            'nightdesk.toml:6: channels[0].listen = "sometimes": write true',
            id="listen",
        ),
        pytest.param(
            CHANNEL.replace('slack"\nid', 'pigeon"\nid'),
            'nightdesk.toml:4: channels[0].platform = "pigeon": it is slack, telegram, discord, terminal, email, webhook or file',
            id="a platform",
        ),
        pytest.param(
            CHANNEL + 'agent = "dsk"\n',
            'nightdesk.toml:6: channels[0].agent = "dsk": unknown: did you mean desk?',
            id="an unknown agent",
        ),
        pytest.param(
            '[[agents]]\nname = "desk"\nmodel = "fast"\n',
            'nightdesk.toml:3: agents[0].model = "fast": there is no [models.fast]: add it, or write "offline"',
            id="an unknown model",
        ),
        pytest.param(
            '[[agents]]\nname = "desk"\nmodel = "openai/gpt-4.1-mini"\n',
            'nightdesk.toml:3: agents[0].model = "openai/gpt-4.1-mini": an agent names its model: '
            'add [models.fast] with model = "openai/gpt-4.1-mini" and write fast',
            id="a provider's model as an agent's",
        ),
        pytest.param(
            '[[agents]]\nname = "desk"\nhands_to = ["dsk"]\n[[agents]]\nname = "night"\n',
            'nightdesk.toml:3: agents[0].hands_to = "dsk": unknown: did you mean desk?',
            id="an unknown agent to hand to",
        ),
        pytest.param(
            '[[agents]]\nname = "desk"\nhands_to = ["desk"]\n',
            "nightdesk.toml:3: agents[0].hands_to: an agent hands nothing to itself: leave it out",
            id="an agent that hands to itself",
        ),
        pytest.param(
            '[[agents]]\nname = "desk"\nhands_to = "night"\n',
            'nightdesk.toml:3: agents[0].hands_to = "night": write a list of agents in quotes: '
            '["research"]',
            id="no list of agents",
        ),
        pytest.param(
            '[[agents]]\nname = "desk"\nshared_state = "writes"\n',
            'nightdesk.toml:3: agents[0].shared_state = "writes": did you mean write?',
            id="what an agent may do with shared state",
        ),
        pytest.param(
            '[[agents]]\nname = "desk"\nshared_state = true\n',
            "nightdesk.toml:3: agents[0].shared_state = true: it is none, read or write",
            id="a switch for shared state",
        ),
        pytest.param(
            '[[agents]]\nname = "Night Desk"\n',
            'nightdesk.toml:2: agents[0].name = "Night Desk": a name is lower-case letters',
            id="an agent's name",
        ),
        pytest.param(
            '[models.offline]\nmodel = "a/b"\n',
            "nightdesk.toml:1: models.offline: offline is the built-in assistant",
            id="a model called offline",
        ),
        pytest.param(
            '[models.fast]\nmodel = "gpt-4o"\n',
            'nightdesk.toml:2: models.fast.model = "gpt-4o": a model is written as provider/model',
            id="a model without its provider",
        ),
        pytest.param(
            "[models.fast]\n", "nightdesk.toml:1: models.fast: model is missing", id="missing"
        ),
        pytest.param(
            '[models.fast]\nmodel = "a/b"\ntimeout_seconds = 0\n',
            "nightdesk.toml:3: models.fast.timeout_seconds = 0: write seconds from 1 to 3600",
            id="no time",
        ),
        pytest.param(
            '[models.fast]\nmodel = "a/b"\ncontext_tokens = "8k"\n',
            'nightdesk.toml:3: models.fast.context_tokens = "8k": write a number, without quotes',
            id="a text where a number belongs",
        ),
        pytest.param(
            '[models.fast]\nmodel = "a/b"\nbase_url = "localhost:11434"\n',
            'nightdesk.toml:3: models.fast.base_url = "localhost:11434": write a web address such as',
            id="an address without its scheme",
        ),
        pytest.param(
            '[[members]]\nrole = "owner"\n',
            "nightdesk.toml:1: members[0]: name is missing",
            id="name",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_would_be_right(text: str, said: str) -> None:
    [only] = said_of(text)
    assert only.startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            '[[members]]\nname = "Ana"\nterminal = "you"\n[[members]]\nname = "Bo"\nterminal = "you"\n',
            "nightdesk.toml:6: members[1].terminal: you is the same person as in members[0] (line 3)",
            id="a person",
        ),
        pytest.param(
            CHANNEL + '[[channels]]\nplatform = "slack"\nid = "T012AB/C0123ABCD"\nname = "b"\n',
            "nightdesk.toml:8: channels[1].id: the same channel as in channels[0] (line 5)",
            id="a channel",
        ),
        pytest.param(
            CHANNEL
            + 'name = "#ops"\n[[channels]]\nplatform = "slack"\nid = "C0456"\nname = "ops"\n',
            "nightdesk.toml:10: channels[1].name: #ops is already the name of channels[0] (line 6)",
            id="a channel's name",
        ),
        pytest.param(
            '[[agents]]\nname = "desk"\n[[agents]]\nname = "desk"\n',
            "nightdesk.toml:4: agents[1].name: the same name as agents[0] (line 2)",
            id="an agent",
        ),
        pytest.param(
            '[models.a-b]\nmodel = "a/b"\n[models.a_b]\nmodel = "a/b"\n',
            "nightdesk.toml:3: models.a_b: too much like models.a-b (line 1)",
            id="a model whose key would have the same variable",
        ),
    ],
)
def test_what_comes_twice_is_told_with_the_first_place(text: str, said: str) -> None:
    assert said_of(text) == [said]


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        (
            '[models.my-fast]\nmodel = "a/b"\napi_key = "hunter2"\n',
            "NIGHTDESK_MODELS__MY_FAST__API_KEY",
        ),
        ('slack.bot_token = "hunter2"\nslack.workspace = "T012AB"', "NIGHTDESK_SLACK__BOT_TOKEN"),
        (
            '[slack]\nworkspace = "T012AB"\nsigning_secret = "hunter2"',
            "NIGHTDESK_SLACK__SIGNING_SECRET",
        ),
        ('database_url = "postgresql://u:hunter2@h/d"', "NIGHTDESK_DATABASE_URL"),
        ("[http]\nport = 1", "NIGHTDESK_HTTP__PORT"),
    ],
)
def test_secrets_and_machine_things_in_the_file_are_refused_with_their_variable_and_not_shown(
    text: str, variable: str
) -> None:
    [only] = said_of(text)
    assert "does not belong in the file" in only
    assert variable in only
    assert "hunter2" not in only


def test_a_token_in_the_wrong_place_is_not_shown() -> None:
    [only] = said_of(MEMBER + 'slack = "xoxb-123-hunter2"\n')
    assert "hunter2" not in only


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    said = said_of("""\
        [team]
        timezone = "Nowhere"
        color = 1
        [slack]
        workspace = "acme"
        [[members]]
        name = ""
        role = "boss"
        slack = "U0123ABCD"
        [[channels]]
        platform = "slack"
        id = "ops"
        agent = "nobody"
        [[agents]]
        name = "desk"
        model = "missing"
        """)
    assert [line.split(":")[1] for line in said] == ["2", "3", "5", "7", "8", "12", "16"]


def test_one_mistake_is_not_told_twice() -> None:
    """The agent of the channel and the model of the agent exist, though they cannot be used."""
    said = said_of("""\
        [[channels]]
        platform = "terminal"
        id = "ops"
        agent = "night"
        [[agents]]
        name = "night"
        modle = "x"
        [[agents]]
        name = "desk"
        model = "fast"
        [models.fast]
        model = "nonsense"
        """)
    assert [line.split(":")[1] for line in said] == ["7", "12"]


@pytest.mark.parametrize(
    ("raw", "line", "said"),
    [
        (b"[team]\nname = \n", 2, "this is not valid TOML: invalid value"),
        (b'[team]\nname = "x"\n[team]\n', 3, "this is not valid TOML: cannot declare"),
        (b'[team]\n\nname = """x\n', 3, "this is not valid TOML: "),
        (b'[team]\nname = "\xff"\n', 2, "this is not UTF-8 text"),
        ('[team]\nname = "x"\n'.encode("utf-16"), 1, "this is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_the_line(raw: bytes, line: int, said: str) -> None:
    [only] = said_of(raw)
    assert only.startswith(f"nightdesk.toml:{line}: {said}")


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert said_of(b'\xef\xbb\xbf[team]\nname = "x"\n') == []


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"#" * 1_000_001, "larger than 1000000 bytes"),
    ],
)
def test_a_file_made_to_hurt_is_refused(raw: bytes, said: str) -> None:
    [only] = said_of(raw)
    assert said in only
