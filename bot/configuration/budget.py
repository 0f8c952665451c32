"""`[budget]` and `[[limits]]` of `nightdesk.toml`: what may be spent, and who is told."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, cast

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from adapters.models.catalogue import ModelConfig, provider_of
from bot.configuration.document import Document
from bot.configuration.entries import Around, Entry, Switch, Text
from bot.configuration.models import ModelEntry
from bot.configuration.places import find_channel, posting_channel
from bot.configuration.problems import FileProblems, Place, did_you_mean, listed
from runtime.access import may
from runtime.ids import ModelName
from runtime.model.access import Action
from runtime.model.budget import DEFAULT_LIMITS, BudgetRules, LimitRule
from runtime.model.meter import Period, Scope
from runtime.model.team import Agent, ChannelRule, Member
from runtime.model.value import value
from runtime.money.amounts import read_amount
from runtime.money.spenders import is_paid, known_purses, subject_of_channel, subject_of_principal

_CURRENCY = re.compile(r"[A-Z]{3}")
_SCOPES = tuple(str(scope) for scope in Scope if scope is not Scope.ORGANISATION)
_ONCE = {Scope.RUN, Scope.WORKFLOW, Scope.SCHEDULE}
"""Scopes whose single runs can be limited."""
_NAMED = {Scope.AGENT, Scope.PROVIDER, Scope.CHANNEL, Scope.PERSON}
"""Scopes of which the file can name one."""


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise ValueError('write the three capital letters of a currency, such as "USD" or "EUR"')
    return value


def _amount(value: object, info: ValidationInfo) -> int:
    """The micro-units; whole numbers and decimals, and texts that may name the currency."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("write an amount such as 5 or 0.50")
    around = cast("Around", info.context).currency
    currency = str(info.data.get("currency") or around)
    if isinstance(value, float):  # its dot means no thousands
        return read_amount(f"{Decimal(str(value)):f}", currency, exact=True)
    return read_amount(str(value), currency)


def _scope(value: object) -> object:
    if value == Scope.ORGANISATION:
        raise ValueError("that is [budget] itself: write its day and month there")
    if value not in _SCOPES:
        raise ValueError(did_you_mean(str(value), _SCOPES, f"it is {listed(_SCOPES)}"))
    return value


def _people(value: object) -> tuple[str, ...]:
    said: list[object] = value if isinstance(value, list) else [value]
    names = tuple(each.strip() for each in said if isinstance(each, str) and each.strip())
    if not names or len(names) < len(said):
        raise ValueError('write the name of a member, or a list such as ["Ana", "Bo"]')
    return names


Amount = Annotated[int, BeforeValidator(_amount)]


class BudgetEntry(Entry):
    """`[budget]`. The currency is read first: amounts may name it."""

    currency: Annotated[Text, AfterValidator(_currency)] = "USD"
    day: Amount | None = None
    month: Amount | None = None
    owner: Annotated[tuple[str, ...], BeforeValidator(_people)] = ()
    channel: Text = ""
    footer: Switch = True


class LimitEntry(Entry):
    """`[[limits]]`."""

    scope: Annotated[Scope, BeforeValidator(_scope)]
    of: Text = ""
    each: Amount | None = None
    day: Amount | None = None
    month: Amount | None = None

    def amounts(self) -> Iterator[tuple[Period, int]]:
        """The limits that it sets."""
        for period, micros in (
            (Period.FIRING, self.each),
            (Period.DAY, self.day),
            (Period.MONTH, self.month),
        ):
            if micros is not None:
                yield period, micros


@value(kw_only=True)
class BudgetReader:
    """Makes rules of the entries, and notes what is wrong with them.

    Attributes:
        problems: of the file.
        members: the people of the file.
        channels: its channels.
        agents: its agents.
    """

    problems: FileProblems
    members: Sequence[Member]
    channels: Sequence[ChannelRule]
    agents: Sequence[Agent]

    def rules(self, budget: BudgetEntry, limits: Sequence[tuple[Place, LimitEntry]]) -> BudgetRules:
        """The rules; what is wrong is left out of them."""
        own = {Period.DAY: budget.day, Period.MONTH: budget.month}
        whole = [
            LimitRule(scope=Scope.ORGANISATION, period=period, micros=micros)
            for period, micros in own.items()
            if micros is not None
        ]
        owners = [self._looks_after(name) for name in budget.owner]
        return BudgetRules(
            currency=budget.currency,
            limits=(*(whole or DEFAULT_LIMITS), *self._limits(limits)),
            owners=tuple(who for member in owners if member for who in member.principals),
            channel=posting_channel(
                self.problems, self.channels, ("budget", "channel"), budget.channel
            ),
            footer=budget.footer,
        )

    def check_currency(self, currency: str, models: Mapping[ModelName, ModelEntry]) -> None:
        """Note prices that stand in the file in another currency than the team's."""
        for name, entry in models.items():
            costs = any(not price.is_nothing for price in entry.prices or ())
            if costs and entry.currency != currency:
                said = (
                    f"the team's budget is in {currency}: write these prices in it, and "
                    f'currency = "{currency}"'
                )
                self.problems.value(("models", name, "currency"), entry.currency, said)

    def _limits(self, entries: Sequence[tuple[Place, LimitEntry]]) -> Iterator[LimitRule]:
        seen: dict[tuple[Scope, str, Period], Place] = {}
        for place, entry in entries:
            subject = self._subject(place, entry)
            if subject is None or not self._possible(place, entry):
                continue
            for period, micros in entry.amounts():
                key = (entry.scope, subject, period)
                if key in seen:
                    line = self.problems.line_of(seen[key])
                    self.problems.at(place, f"the same limit as on line {line}")
                seen.setdefault(key, place)
                yield LimitRule(scope=entry.scope, subject=subject, period=period, micros=micros)

    def _possible(self, place: Place, entry: LimitEntry) -> bool:
        if entry.each is not None and entry.scope not in _ONCE:
            self.problems.at(
                (*place, "each"), "only a run, a workflow or a schedule has it: write day or month"
            )
            return False
        alone = entry.scope in (Scope.RUN, Scope.WORKFLOW)
        if alone and (entry.day is not None or entry.month is not None):
            self.problems.at(place, f"a {entry.scope} has no day and no month: write each")
            return False
        if not any(True for _ in entry.amounts()):
            key = "each" if alone else "day"
            self.problems.at(place, f"how much? write {key} = 0.50, or another amount")
            return False
        return True

    def _subject(self, place: Place, entry: LimitEntry) -> str | None:
        """Which one is limited; empty for each of them, None and told where there is none such."""
        here = (*place, "of")
        if not entry.of:
            return ""
        if entry.scope not in _NAMED:
            hint = " in the chat: /schedule budget 3 0.50" if entry.scope is Scope.SCHEDULE else ""
            said = f"the file cannot name one {entry.scope}; leave it out for each of them"
            self.problems.at(here, f"{said}{', or set it' if hint else ''}{hint}")
            return None
        match entry.scope:
            case Scope.AGENT:
                return self._known(here, entry.of, [agent.name for agent in self.agents])
            case Scope.CHANNEL:
                ref = find_channel(self.problems, self.channels, here, entry.of)
                return subject_of_channel(ref.ref) if ref else None
            case Scope.PERSON:
                member = self._member(here, entry.of)
                return subject_of_principal(member.principals[0]) if member else None
            case _:
                return entry.of

    def _looks_after(self, name: str) -> Member | None:
        """Whoever is told about money has to be somebody who decides."""
        place = ("budget", "owner")
        member = self._member(place, name)
        if member is not None and not may(member.role, Action.APPROVE):
            said = f"is only {member.role}: name an owner, an admin or an operator"
            self.problems.value(place, name, said)
        return member

    def _member(self, place: Place, name: str) -> Member | None:
        found = [member for member in self.members if member.name == name and member.principals]
        if len(found) != 1:
            names = [member.name for member in self.members]
            several = f"there are {len(found)} people of that name"
            known = did_you_mean(name, names, f"[[members]] has {listed(names, 'and')}")
            self.problems.value(place, name, several if found else f"unknown: {known}")
            return None
        return found[0]

    def _known(self, place: Place, name: str, names: Sequence[str]) -> str | None:
        if name in names:
            return name
        has = f"[[agents]] has {listed(names, 'and')}"
        self.problems.value(place, name, f"unknown: {did_you_mean(name, names, has)}")
        return None


def check_providers(document: Document, models: Iterable[ModelConfig]) -> None:
    """Note limits of providers of whom no model is set up, in the file or in a variable."""
    names = {provider_of(model) for model in models if "/" in model.model}
    known = known_purses(names)
    limits = document.tables.get("limits", [])
    for index, raw in enumerate(limits if isinstance(limits, list) else []):
        of = raw.get("of") if isinstance(raw, dict) and raw.get("scope") == "provider" else None
        if isinstance(of, str) and of and not is_paid(of, names):
            there = f"the models have {listed(known, 'and')}" if known else "no model is set up"
            said = f"unknown: {did_you_mean(of, known, there)}"
            document.problems.value(("limits", index, "of"), of, said)
