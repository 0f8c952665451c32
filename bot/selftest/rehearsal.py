"""The self-test: the operator's configuration, run as a process against fake platforms."""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from bot.selftest.plan import Plan, PlatformPlan
from bot.selftest.port import held_port
from bot.selftest.process import Program
from bot.selftest.stage import Line, PlatformResult, Stage
from runtime.errors import ConfigurationError
from runtime.model.value import value

PATIENCE_SECONDS = 20.0
"""How long a person waits for an answer before saying the next thing."""
DRAIN_SECONDS = 60.0
"""How long answers may still come when nobody says anything any more."""
_QUIET_SECONDS = 1.5
_LOOK_EVERY = 0.05
_LINES = 2
"""Conversations at once in one channel."""
_GO_ON, _COMMAND, _ANNOY = 0.4, 0.15, 6
_SPOIL_EVERY = 1.0
_RECOVERY_SECONDS = 3.0
"""What failed once is tried again by then."""

Meddle = Callable[[Stage], None]
"""Changes what a fake has seen, to show what the self-test says of it."""


@value(kw_only=True)
class Load:
    """How much is said.

    Attributes:
        messages: so many on each platform.
        seconds: spread over so many.
        crash: the program is killed in the middle.
    """

    messages: int
    seconds: float
    crash: bool


@value(kw_only=True)
class Result:
    """How it went.

    Attributes:
        outcomes: how each platform fared.
        kills: how often the program was killed.
        refused: hosts outside of this machine that the program tried to reach.
        seconds: how long it took.
    """

    outcomes: tuple[PlatformResult, ...]
    kills: int
    refused: tuple[str, ...]
    seconds: float


@value(kw_only=True)
class Progress:
    """Where it stands.

    Attributes:
        doing: what is being done, in a few words.
        share: how much of it is done, from 0 to 1.
    """

    doing: str
    share: float


Tell = Callable[[Progress], None]


async def rehearse(
    plan: Plan, load: Load, *, tell: Tell, seed: int | None = None, meddle: Meddle | None = None
) -> Result:
    """Start the program, speak to it on every platform, and count what became of it.

    Raises:
        ConfigurationError: the program does not start as it is configured.
    """
    began = time.monotonic()
    chance = random.Random(seed)  # noqa: S311 - who says what when is no secret
    async with AsyncExitStack() as stack:
        port = stack.enter_context(held_port())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-test-")))
        stages = [_stage(each, f"http://127.0.0.1:{port}", chance) for each in plan.platforms]
        for stage in stages:
            await stage.open()
            stack.push_async_callback(stage.leave)
        program = Program(folder, _environ(plan, folder, stages, port), port)
        stack.push_async_callback(program.stop)
        tell(Progress(doing="starting the program", share=0.0))
        await program.start()
        await _Rehearsal(stages, program, load, chance, tell).run()
        for stage in stages if meddle else ():
            assert meddle is not None  # noqa: S101
            meddle(stage)
        return Result(
            outcomes=tuple(stage.outcome() for stage in stages),
            kills=program.kills,
            refused=tuple(program.refused()),
            seconds=time.monotonic() - began,
        )


def _stage(plan: PlatformPlan, base: str, chance: random.Random) -> Stage:
    """The fake of that platform; only what is tested is loaded."""
    match plan.platform:
        case "slack":
            from bot.selftest.slack.drive import SlackStage  # noqa: PLC0415 - see above

            return SlackStage(plan, base, chance)
        case "telegram":
            from bot.selftest.telegram.drive import TelegramStage  # noqa: PLC0415 - the same

            return TelegramStage(plan, base, chance)
        case _:
            from bot.selftest.discord.drive import DiscordStage  # noqa: PLC0415 - the same

            return DiscordStage(plan, base, chance)


def _environ(plan: Plan, folder: Path, stages: Sequence[Stage], port: int) -> dict[str, str]:
    """Everything that the program is told. Nothing of the operator's own environment is in it."""
    config = folder / "nightdesk.toml"
    config.write_text(plan.document, "utf-8")
    found = {
        "HOME": str(folder),
        "NIGHTDESK_CONFIG": str(config),
        "NIGHTDESK_DATA_DIR": str(folder / "data"),
        "NIGHTDESK_HTTP__PORT": str(port),
        "NIGHTDESK_NO_SPEND": "1",
        # Channels that only take messages lead nowhere.
        "NIGHTDESK_EMAIL__SMTP_URL": "smtp+plain://127.0.0.1:9",
        "NIGHTDESK_EMAIL__SENDER": "selftest@example.org",
        "NIGHTDESK_WEBHOOK__SECRET": "nightdesk-selftest-secret",
    }
    for stage in stages:
        found |= stage.environ()
    return found


class _Tickets:
    """Says when the next thing may be said, evenly over the time."""

    def __init__(self, count: int, seconds: float) -> None:
        self.taken = 0
        self._count = count
        self._every = seconds / max(count, 1)
        self._began = time.monotonic()
        self._ends = self._began + 2 * seconds + PATIENCE_SECONDS

    async def take(self) -> bool:
        """Wait for the next one; False where there is none left, or it has become too late."""
        if self.taken >= self._count:
            return False
        at = self._began + self.taken * self._every
        self.taken += 1
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        return time.monotonic() < self._ends


class _Rehearsal:
    """People on every platform, the weather, and the kill."""

    def __init__(
        self,
        stages: Sequence[Stage],
        program: Program,
        load: Load,
        chance: random.Random,
        tell: Tell,
    ) -> None:
        self._stages = stages
        self._program = program
        self._load = load
        self._chance = chance
        self._tell = tell
        self._tickets = {
            stage.plan.platform: _Tickets(load.messages, load.seconds) for stage in stages
        }
        self._begun = Counter[str]()
        self._doing = "talking"
        self._kill_at = time.monotonic() + load.seconds / 2

    async def run(self) -> None:
        """Let everything happen, and wait until it is over."""
        async with asyncio.TaskGroup() as tasks:
            weather = [tasks.create_task(self._weather(stage)) for stage in self._stages]
            weather.append(tasks.create_task(self._show()))
            if self._load.crash:
                tasks.create_task(self._crash())
            talking = [
                tasks.create_task(talk) for stage in self._stages for talk in self._talks(stage)
            ]
            await asyncio.wait(talking)
            self._doing = "waiting for the last answers"
            for stage in self._stages:
                stage.calm()
            await self._drain()
            for task in weather:
                task.cancel()

    def _talks(self, stage: Stage) -> list[Coroutine[None, None, None]]:
        rooms = stage.rooms * _LINES
        people = stage.plan.people[:_LINES]
        return [
            *(self._talk_in(stage, room) for room in rooms),
            *(self._talk_to(stage, n) for n in range(len(people))),
        ]

    async def _talk_in(self, stage: Stage, room: str) -> None:
        """Conversations in a channel, one after the other, each of a few messages."""
        while room in stage.rooms and await self._tickets[stage.plan.platform].take():
            who = self._chance.choice(stage.plan.people)
            await self._beside(stage)
            if self._chance.random() < _COMMAND and await stage.command(who, room):
                continue
            line = await stage.say(who, room, *stage.words(who))
            while await self._answered(stage, line) and self._chance.random() < _GO_ON:
                if not line.root or not await self._tickets[stage.plan.platform].take():
                    break
                line = await stage.go_on(line, who, *stage.words(who))

    async def _talk_to(self, stage: Stage, number: int) -> None:
        """A direct conversation."""
        who = stage.plan.people[number]
        while await self._tickets[stage.plan.platform].take():
            await self._beside(stage)
            line = await stage.say(who, "", *stage.words(who))
            await self._answered(stage, line)

    async def _beside(self, stage: Stage) -> None:
        """Now and then something happens that is none of the bot's business."""
        self._begun[stage.plan.platform] += 1
        if self._begun[stage.plan.platform] % _ANNOY == 1:
            await stage.annoyance()

    async def _answered(self, stage: Stage, line: Line) -> bool:
        """Wait for the answer as long as a person would; whether it came."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while not stage.has_answer(line.asked):
            if time.monotonic() > ends or (not line.asked.promised and line.root):
                return False
            await asyncio.sleep(_LOOK_EVERY)
        return True

    async def _weather(self, stage: Stage) -> None:
        """Requests that go wrong, and connections that break."""
        number, spoiled = 0, False
        while True:
            await asyncio.sleep(min(_SPOIL_EVERY, self._load.seconds / 8))
            if self._doing != "talking" or self._is_killed_soon() or stage.spoiled():
                continue
            if spoiled:  # the try after a failed one is not to fail too
                spoiled = False
                await asyncio.sleep(_RECOVERY_SECONDS)
                continue
            stage.spoil(number)
            number, spoiled = number + 1, True
            if number % 4 == 0:
                await stage.reconnect()

    def _is_killed_soon(self) -> bool:
        """Whether what goes wrong now would go wrong once more by the kill, or is down."""
        if self._program.died:
            return True
        left = self._kill_at - time.monotonic()
        return self._load.crash and not self._program.kills and left < _RECOVERY_SECONDS

    async def _crash(self) -> None:
        """Kill the program in the middle, and start it again."""
        await asyncio.sleep(self._kill_at - time.monotonic())
        for stage in self._stages:
            stage.calm()
            stage.killed()
        await self._program.kill()
        await self._program.start()

    async def _drain(self) -> None:
        """Wait for what is owed, and then a moment for what is too much."""
        ends = time.monotonic() + DRAIN_SECONDS
        while any(stage.counted().lost for stage in self._stages) and time.monotonic() < ends:
            if self._program.died and not self._load.crash:
                raise ConfigurationError("the program ended in the middle of the self-test")
            await asyncio.sleep(_LOOK_EVERY * 4)
        await asyncio.sleep(_QUIET_SECONDS)

    async def _show(self) -> None:
        while True:
            total = max(1, self._load.messages * len(self._stages))
            said = sum(tickets.taken for tickets in self._tickets.values())
            owed = sum(stage.counted().lost for stage in self._stages)
            kills = ", killed and started again" if self._program.kills else ""
            words = f"{self._doing}{kills}: {said} of {total} said, {owed} answers to come"
            self._tell(Progress(doing=words, share=min(1.0, said / total)))
            await asyncio.sleep(0.25)
