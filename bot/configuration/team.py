"""`nightdesk.toml` -> the team and its models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.configuration.budget import BudgetEntry, BudgetReader, LimitEntry
from bot.configuration.document import Document
from bot.configuration.elsewhere import ELSEWHERE
from bot.configuration.entries import (
    Around,
    ChannelEntry,
    DiscordEntry,
    Entry,
    MemberEntry,
    SlackEntry,
    TeamEntry,
    model_key,
    short_name,
)
from bot.configuration.files import FilesEntry
from bot.configuration.models import ModelEntry, RoutedAgentEntry, RoutingEntry, SignalEntry
from bot.configuration.places import ApprovalsEntry, asking_channel
from bot.configuration.problems import Place, Seen, did_you_mean, listed, spell
from bot.configuration.values import OFFLINE
from runtime.ids import AgentName, ModelName
from runtime.model.budget import BudgetRules
from runtime.model.choice import Signal
from runtime.model.team import Agent, ChannelRule, Member, Team
from runtime.model.value import value

DEFAULT_INSTRUCTIONS = (
    "You are a member of this team. Answer briefly and to the point. "
    "Say what you know, what you assume and what you do not know. Never invent facts."
)

_ANY_WORKSPACE = "T0"

_DEFAULT_AGENT = RoutedAgentEntry(name="desk")

_TABLES: Mapping[str, str] = {
    "team": "[team]",
    "slack": "[slack]",
    "discord": "[discord]",
    "files": "[files]",
    "approvals": "[approvals]",
    "budget": "[budget]",
    "limits": "[[limits]]",
    "members": "[[members]]",
    "channels": "[[channels]]",
    "agents": "[[agents]]",
    "models": "[models.<name>]",
    "routing": "[routing]",
    "signals": "[[signals]]",
}

_E = TypeVar("_E", bound=Entry)


@value(kw_only=True)
class FileConfiguration:
    """What one `nightdesk.toml` says.

    Attributes:
        team: the team, each agent with the model that the file gives it.
        models: the models by name, without keys.
        model_names: the names of all models, of those that cannot be used as well.
        slack_workspace: the Slack workspace that the file names for all its ids, or None.
        discord: what the file says of Discord.
        unknown_prices: every model may be called whose price is not known.
    """

    team: Team
    models: Mapping[ModelName, ModelEntry]
    model_names: frozenset[str]
    slack_workspace: str | None
    discord: DiscordEntry
    unknown_prices: bool = False


def read_team(document: Document) -> FileConfiguration:
    """Read the tables of a document.

    Problems are noted in the document. What is returned leaves out what was wrong: it is there
    for further checks, and must not be used where there were problems.
    """
    return _Reader(document).read()


class _Reader:
    def __init__(self, document: Document) -> None:
        self._tables = document.tables
        self._problems = document.problems
        self._routing = RoutingEntry()
        self._around = Around(slack_workspace="")

    def read(self) -> FileConfiguration:
        self._check_tables()
        if "slack" in self._tables:
            slack = self._entry(SlackEntry, ("slack",))
            # Where it cannot be used, that is told once and not again with every id.
            self._around = Around(slack_workspace=slack.workspace if slack else _ANY_WORKSPACE)
        team = self._entry(TeamEntry, ("team",)) or TeamEntry()
        self._routing = self._route()
        agents = self._agents()
        members, channels = self._members(), self._channels(agents)
        models = self._models()
        files = self._entry(FilesEntry, ("files",)) if "files" in self._tables else None
        files = files or FilesEntry()
        return FileConfiguration(
            team=Team(
                name=team.name,
                zone=team.timezone,
                members=members,
                channels=channels,
                agents=agents,
                files=files.rules(),
                signals=self._signals(),
                budget=self._budget(members, channels, agents, models),
                approvals=asking_channel(self._problems, channels, self._asking()),
            ),
            models=models,
            unknown_prices=self._routing.unknown_prices,
            model_names=frozenset(self._table("models")),
            slack_workspace=self._around.slack_workspace or None,
            discord=self._discord(),
        )

    # ------------------------------------------------------------------------------ sections

    def _check_tables(self) -> None:
        for key in self._tables.keys() - _TABLES.keys():
            tables = f"the tables here are {listed(_TABLES.values(), 'and')}"
            self._unknown((key,), list(_TABLES), tables)

    def _asking(self) -> ApprovalsEntry | None:
        there = "approvals" in self._tables
        return self._entry(ApprovalsEntry, ("approvals",)) if there else None

    def _budget(
        self,
        members: Sequence[Member],
        channels: Sequence[ChannelRule],
        agents: Sequence[Agent],
        models: Mapping[ModelName, ModelEntry],
    ) -> BudgetRules:
        there = "budget" in self._tables
        budget = (self._entry(BudgetEntry, ("budget",)) if there else None) or BudgetEntry()
        self._around = replace(self._around, currency=budget.currency)
        reader = BudgetReader(
            problems=self._problems, members=members, channels=channels, agents=agents
        )
        reader.check_currency(budget.currency, models)
        return reader.rules(budget, self._entries(LimitEntry, "limits"))

    def _discord(self) -> DiscordEntry:
        """What is said of Discord; channels of it need the servers that they are in."""
        there = "discord" in self._tables
        entry = self._entry(DiscordEntry, ("discord",)) if there else DiscordEntry()
        channels = self._tables.get("channels", [])
        for index, raw in enumerate(channels if isinstance(channels, list) else []):
            its = isinstance(raw, dict) and raw.get("platform") == "discord"
            if its and entry is not None and not entry.guilds:
                said = 'in which server is it? add [discord] with guilds = ["123456789012345678"]'
                self._problems.at(("channels", index), said)
                break
        return entry or DiscordEntry()

    def _members(self) -> tuple[Member, ...]:
        seen = Seen()
        members = []
        for place, entry in self._entries(MemberEntry, "members"):
            for platform in ("slack", "telegram", "discord", "terminal"):
                here = (*place, platform)
                for who in getattr(entry, platform):
                    self._once(seen, who, here, f"{who.user} is the same person as in")
            principals = (*entry.slack, *entry.telegram, *entry.discord, *entry.terminal)
            members.append(
                Member(
                    name=entry.name,
                    role=entry.role,
                    principals=principals,
                    zone=entry.timezone or "",
                    bot=entry.bot,
                )
            )
        return tuple(members)

    def _channels(self, agents: Sequence[Agent]) -> tuple[ChannelRule, ...]:
        refs, names = Seen(), Seen()
        rules = []
        known = [agent.name for agent in agents]
        for place, entry in self._entries(ChannelEntry, "channels"):
            name = entry.name.removeprefix("#") or entry.id.channel
            self._once(refs, entry.id, (*place, "id"), "the same channel as in")
            where = (entry.id.platform, entry.id.workspace, name)
            self._once(names, where, (*place, "name"), f"#{name} is already the name of")
            agent = entry.agent or known[0]
            if agent not in {*known, *self._names_of("agents")}:
                self._unknown_name((*place, "agent"), agent, known, "[[agents]]")
            rules.append(
                ChannelRule(
                    ref=entry.id,
                    name=name,
                    listen=entry.listen,
                    proactive=entry.proactive,
                    agent=AgentName(agent),
                )
            )
        return tuple(rules)

    def _agents(self) -> tuple[Agent, ...]:
        seen = Seen()
        agents = []
        entries = self._entries(RoutedAgentEntry, "agents") or [(("agents",), _DEFAULT_AGENT)]
        for place, entry in entries:
            self._once(seen, entry.name, (*place, "name"), "the same name as")
            self._check_models(((*place, key), name) for key, name in entry.named())
            instructions = entry.instructions or DEFAULT_INSTRUCTIONS
            agents.append(entry.agent(instructions, self._reach(place, entry), self._routing))
        return tuple(agents)

    def _signals(self) -> tuple[Signal, ...]:
        """The words that call for models."""
        entries = self._entries(SignalEntry, "signals")
        self._check_models(((*place, "model"), signal.model) for place, signal in entries)
        return tuple(signal.signal() for _, signal in entries)

    def _route(self) -> RoutingEntry:
        """What `[routing]` says for every agent."""
        entry = self._entry(RoutingEntry, ("routing",)) if "routing" in self._tables else None
        entry = entry or RoutingEntry()
        self._check_models((("routing", "models"), name) for name in entry.models)
        return entry

    def _check_models(self, named: Iterable[tuple[Place, str]]) -> None:
        """Tell of each model that the file names and does not have."""
        known = [OFFLINE, *self._table("models")]
        for place, name in named:
            if name not in known:
                self._unknown_model(place, name, known)

    def _reach(self, place: Place, entry: RoutedAgentEntry) -> tuple[AgentName, ...]:
        """The agents that this one may hand to."""
        here = (*place, "hands_to")
        known = sorted(self._names_of("agents"))
        for name in entry.hands_to:
            if name == entry.name:
                self._problems.at(here, "an agent hands nothing to itself: leave it out")
            elif name not in known:
                self._unknown_name(here, name, known, "[[agents]]")
        return tuple(map(AgentName, entry.hands_to))

    def _models(self) -> dict[ModelName, ModelEntry]:
        models: dict[ModelName, ModelEntry] = {}
        spellings = Seen()
        for name in self._table("models"):
            place: Place = ("models", name)
            self._check_model_name(name, place, spellings)
            entry = self._entry(ModelEntry, place)
            if entry is not None:
                models[ModelName(name)] = entry
        return models

    def _check_model_name(self, name: str, place: Place, spellings: Seen) -> None:
        if name == OFFLINE:
            self._problems.at(place, "offline is the built-in assistant: choose another name")
            return
        try:
            short_name(name)
        except ValueError as error:
            self._problems.at(place, str(error))
        # Environment variables know no "-".
        self._once(spellings, name.replace("-", "_"), place, "too much like")

    # --------------------------------------------------------------------------------- tables

    def _table(self, key: str) -> dict[str, object]:
        """The table of that name; empty, and told, where something else stands there."""
        value = self._tables.get(key, {})
        if isinstance(value, dict):
            return cast("dict[str, object]", value)
        self._shape(key)
        return {}

    def _entries(self, kind: type[_E], key: str) -> list[tuple[Place, _E]]:
        """The tables of an array that can be used, each with its place."""
        value = self._tables.get(key, [])
        if not isinstance(value, list):
            self._shape(key)
            return []
        places: list[Place] = [(key, index) for index in range(len(value))]
        read = [(place, self._entry(kind, place)) for place in places]
        return [(place, entry) for place, entry in read if entry is not None]

    def _names_of(self, key: str) -> set[str]:
        """The names in an array of tables, of entries that cannot be used as well."""
        value = self._tables.get(key, [])
        entries = value if isinstance(value, list) else []
        return {str(entry.get("name")) for entry in entries if isinstance(entry, dict)}

    def _entry(self, kind: type[_E], place: Place) -> _E | None:
        """The table at that place; None, and each problem of it told, where it cannot be used."""
        raw = self._at(place)
        if not isinstance(raw, dict):
            self._shape(str(place[0]))
            return None
        try:
            return kind.model_validate(raw, context=self._around)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self._refused(kind, raw, place, detail)
            return None

    def _at(self, place: Place) -> object:
        value: object = self._tables
        for part in place:
            if isinstance(value, list) and isinstance(part, int):
                value = value[part]
            elif isinstance(value, dict):
                value = value.get(part, {})
        return value

    # --------------------------------------------------------------------------------- words

    def _refused(
        self, kind: type[Entry], raw: Mapping[str, object], place: Place, detail: ErrorDetails
    ) -> None:
        key = str(detail["loc"][0])
        here = (*place, key)
        match detail["type"]:
            case "extra_forbidden":
                known = list(kind.model_fields)
                self._unknown(here, known, f"the keys here are {listed(known, 'and')}")
            case "missing":
                self._problems.at(place, f"{key} is missing")
            case _:
                said = detail.get("ctx", {}).get("error", detail["msg"])
                self._problems.value(here, raw[key], str(said))

    def _unknown(self, place: Place, known: Sequence[str], otherwise: str) -> None:
        *_, key = place
        variable = _variable_for(place)
        if variable:
            text = f"this does not belong in the file: set {variable} in the environment instead"
        else:
            text = f"unknown key: {did_you_mean(str(key), known, otherwise)}"
        self._problems.at(place, text)

    def _unknown_name(self, place: Place, name: str, known: Sequence[str], table: str) -> None:
        there_are = f"{table} has {listed(known, 'and')}"
        self._problems.value(place, name, f"unknown: {did_you_mean(name, known, there_are)}")

    def _unknown_model(self, place: Place, name: str, known: Sequence[str]) -> None:
        if "/" in name:
            text = (
                f"an agent names its model: add [models.fast] with model = {name!r} and write fast"
            )
            self._problems.value(place, name, text.replace("'", '"'))
        else:
            there_are = listed(f'"{one}"' for one in known)
            lacks = f"there is no [models.{name}]: "
            meant = did_you_mean(name, known, f"add it, or write {there_are}")
            self._problems.value(place, name, lacks + meant)

    def _shape(self, key: str) -> None:
        kind = "once for each" if _TABLES[key].startswith("[[") else "and its keys below it"
        self._problems.at((key,), f"write {_TABLES[key]} on a line of its own, {kind}")

    def _once(self, seen: Seen, value: object, place: Place, text: str) -> None:
        before = seen.earlier(value, place)
        if before is not None:
            line = self._problems.line_of(before)
            entry = before[:-1] if isinstance(before[-2], int) else before
            self._problems.at(place, f"{text} {spell(entry)} (line {line})")


def _variable_for(place: Place) -> str:
    """The environment variable for what was written into the file by mistake, or empty."""
    match place:
        case ("models", str(name), "api_key" | "key" | "token"):
            return model_key(name)
        case _:
            return ELSEWHERE.get(spell(place), "")
