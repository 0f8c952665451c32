"""The registry: every tool there is, what it can do, and the only place that runs one."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import field
from enum import StrEnum

from runtime.clock import Clock
from runtime.errors import NightdeskError, Refused, Retryable
from runtime.ids import AgentName, IdSource
from runtime.model.access import Action
from runtime.model.approval import Frozen
from runtime.model.ending import Ending
from runtime.model.files import OutFile
from runtime.model.tools import Json, Risk, ToolCall, ToolResult, ToolSpec
from runtime.model.value import value
from runtime.ports import ToolContext
from runtime.signature import Arguments, Signature, canonical, signature_of
from runtime.words import explain

log = logging.getLogger("nightdesk.tools")

TIMEOUT = 30.0
"""Seconds that a tool may take where it declares nothing else."""
LONGEST_RESULT = 60_000
"""Characters of a result that a model is shown."""


class Effect(StrEnum):
    """What running a tool leaves behind; undeclared is `OUTSIDE`."""

    NONE = "none"
    """Nothing: it can be run again and again."""
    OWN = "own"
    """A change of Nightdesk's own state under the key of the call: twice is once."""
    OUTSIDE = "outside"
    """Something in the world: it is never run again by itself."""


@value()
class Produced:
    """An answer that comes with more than words.

    Attributes:
        text: what the model is told.
        files: what goes out with the turn's answer; they are in the file store.
        ending: how it ends its turn, or None.
    """

    text: str
    files: tuple[OutFile, ...] = ()
    ending: Ending | None = None


Exact = Callable[[Arguments, ToolContext], Awaitable[Mapping[str, Json]]]
"""What has to be said besides or instead of the arguments, so that they mean the same wherever and
whenever they are read; given where the call was asked for. What it said once, it says again. Raises
`Refused` where that is not one thing."""


@value(kw_only=True)
class Tool:
    """A tool.

    Attributes:
        name: dotted, as policy names it: `schedule.create`.
        about: what it does and when to use it, for the model.
        run: the function. It is given the context and a key, which is the same for the same call
            however often that is run; its keyword-only parameters are the arguments.
        needs: the right that the person must have for whom it runs, which the executor asks the
            judge for before each call; undeclared, only an owner has it run.
        risk: what it can do; undeclared is dangerous.
        effect: what it leaves behind; undeclared is something in the world.
        timeout: seconds after which it is cancelled.
        varies: the arguments that a person's yes for a time leaves open; undeclared is none of
            them, so that such a yes covers exactly the call that was shown.
        exact: what is said more exactly in the arguments before people see them, or None.
    """

    name: str
    about: str
    run: Callable[..., Awaitable[str | Produced]]
    needs: Action = Action.ANY_TOOL
    risk: Risk = Risk.DANGEROUS
    effect: Effect = Effect.OUTSIDE
    timeout: float = TIMEOUT
    varies: frozenset[str] = frozenset()
    exact: Exact | None = None
    signature: Signature = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the signature once, at start: a mistake in it ends the start."""
        object.__setattr__(self, "signature", signature_of(self.run))
        names = {parameter.name for parameter in self.signature.parameters}
        if self.varies and (self.risk is Risk.DANGEROUS or not self.varies < names):
            raise ValueError(f"{self.name}: what varies is some of the arguments, not all of them")

    @property
    def spec(self) -> ToolSpec:
        """What a model is told of it."""
        return ToolSpec(
            name=self.name,
            description=self.about,
            parameters=self.signature.schema(),
            risk=self.risk,
            repeatable=self.effect is not Effect.OUTSIDE,
            varies=self.varies,
        )

    def digest(self) -> str:
        """SHA-256 over what decides what a call of it means, in hexadecimal."""
        whole = [self.name, self.signature.digest(), self.risk.value, self.effect.value]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


class Toolbox:
    """The tools there are. Implements `runtime.ports.Tools`."""

    def __init__(
        self,
        tools: Iterable[Tool],
        *,
        clock: Clock,
        ids: IdSource,
        withheld: Callable[[AgentName], frozenset[str]] = lambda _agent: frozenset(),
    ) -> None:
        """Offer tools.

        Args:
            tools: the tools.
            clock: times them.
            ids: makes references for the log.
            withheld: the names of the tools that an agent does not have.

        Raises:
            ValueError: two have the same name.
        """
        self._tools: Mapping[str, Tool] = _by_name(tools)
        self._clock = clock
        self._ids = ids
        self._withheld = withheld
        self._offered: dict[frozenset[str], tuple[ToolSpec, ...]] = {}
        self._specs = {name: tool.spec for name, tool in self._tools.items()}

    def specs(self, agent: AgentName) -> tuple[ToolSpec, ...]:
        """What the agent may call."""
        withheld = self._withheld(agent)
        if withheld not in self._offered:
            mine = (spec for name, spec in self._specs.items() if name not in withheld)
            self._offered[withheld] = tuple(mine)
        return self._offered[withheld]

    def needs(self, name: str) -> Action:
        """The right that the tool takes: see the port."""
        tool = self._tools.get(name)
        return Action.ANY_TOOL if tool is None else tool.needs

    async def frozen(self, call: ToolCall, context: ToolContext) -> Frozen:
        """Exactly what would run: see the port."""
        tool = self._tools.get(call.name)
        if tool is None or call.name in self._withheld(context.agent):
            raise Refused(f"There is no tool {call.name[:60]}.")
        given = tool.signature.canonical(call.arguments)
        if tool.exact is not None:
            added = await tool.exact(tool.signature.read(given), context)
            given = tool.signature.canonical(canonical({**json.loads(given), **added}))
        return Frozen(tool=tool.name, schema=tool.digest(), arguments=given)

    def tool_specs(self) -> tuple[ToolSpec, ...]:
        """Every tool there is, whoever has it."""
        return tuple(self._specs.values())

    def arguments(self, call: ToolCall) -> Arguments:
        """The arguments of a call, read as its tool declares them.

        Raises:
            Refused: there is no such tool, or they do not fit it.
        """
        tool = self._tools.get(call.name)
        if tool is None:
            raise Refused(f"There is no tool {call.name[:60]}.")
        return tool.signature.read(call.arguments)

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """Run it, whatever happens in it. A supervision point: a tool's failure is its result.

        Raises:
            Retryable: the database took nothing; the turn is taken up again later.
        """
        tool = self._tools.get(call.name)
        if tool is None or call.name in self._withheld(context.agent):
            return _failed(call, f"There is no tool {call.name[:60]}.")
        try:
            arguments = tool.signature.read(call.arguments)
            work = tool.run(context, f"{context.turn}/{call.id}", **arguments)
            answer = await self._in_time(work, tool)
        except Retryable:
            raise
        except Refused as refused:
            return _failed(call, explain(refused))
        except NightdeskError as error:
            log.warning("tool.refused", extra={"tool": call.name, "why": str(error)})
            return _failed(call, explain(error))
        except Exception:
            reference = self._ids.new()[-8:]
            log.exception("tool.failed", extra={"tool": call.name, "reference": reference})
            return _failed(call, f"It failed on our side. Reference: {reference}")
        made = answer if isinstance(answer, Produced) else Produced(answer, ())
        return ToolResult(
            call=call.id, text=_bounded(made.text), files=made.files, ending=made.ending
        )

    async def _in_time(self, work: Awaitable[str | Produced], tool: Tool) -> str | Produced:
        """The tool's answer; it is cancelled, and has ended, where its time is over first.

        One that gives its answer all the same has given it.

        Raises:
            Refused: the time was over.
        """
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(_awaited(work))
                timer = group.create_task(self._clock.sleep(tool.timeout))
                await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
                task.cancel()
                timer.cancel()
        except BaseExceptionGroup as errors:
            # Only the work can fail, so there is exactly one.
            raise errors.exceptions[0] from None
        if not task.cancelled():
            return task.result()
        after = f"{tool.name} was stopped after {tool.timeout:g} seconds."
        # What the database has begun to write it writes, whoever waits for it no more.
        unsure = tool.effect is not Effect.NONE
        raise Refused(
            after,
            hint="It may have taken effect: look before you try again." if unsure else "",
        )


async def _awaited(work: Awaitable[str | Produced]) -> str | Produced:
    return await work


def _by_name(tools: Iterable[Tool]) -> Mapping[str, Tool]:
    found: dict[str, Tool] = {}
    for tool in tools:
        if tool.name in found:
            raise ValueError(f"two tools are named {tool.name}")
        found[tool.name] = tool
    return found


def _failed(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(call=call.id, text=text, failed=True)


def _bounded(text: str) -> str:
    if len(text) <= LONGEST_RESULT:
        return text
    return f"{text[:LONGEST_RESULT]}\n[cut: {len(text) - LONGEST_RESULT} more characters]"
