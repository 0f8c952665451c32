"""How the providers of models do: a circuit breaker for each, and how fast their models answer.

A provider that fails again and again is left alone for a while, then tried with one call. One that
refuses the key is out until the key changes or a person says so: more calls would not help, and
each would be a complaint of its own.
"""

import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from runtime.clock import Clock
from runtime.errors import (
    ModelError,
    ModelKeyRefused,
    ModelMissing,
    ModelNotRunning,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
)
from runtime.ids import ModelName
from runtime.model.choice import Known
from runtime.model.completion import Chunk, Finished, ModelInfo, ModelRequest
from runtime.ports import ModelPort

log = logging.getLogger("nightdesk.models")

OPENS_AFTER = 3
"""Failures in a row after which a provider is left alone."""
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 480.0
"""Seconds that it is left alone: the first time, and at most; doubled each time between."""
MEASURED = 32
"""Calls of a model that its latency is the median of."""
_LONGEST_BACKOFF = 30.0
_MOST_MODELS = 1_000

Chance = Callable[[], float]
"""A number from 0 up to 1."""


@dataclass(slots=True)
class _Health:
    """How a provider does.

    Attributes:
        failures: how often it failed in a row.
        pauses: how often in a row it was left alone.
        until: when it may be called again; 0 for now.
        limited: it asked for that itself.
        silent: nothing answered at its address, which is on this machine.
        trying: a call is under way that will say whether it works again.
    """

    failures: int = 0
    pauses: int = 0
    until: float = 0.0
    limited: bool = False
    silent: bool = False
    trying: bool = False


@dataclass(slots=True)
class _Speed:
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=MEASURED))


class Providers:
    """How the providers do, as this process met them."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        """Begin with every provider well.

        Args:
            clock: the clock.
            chance: spreads tries of many callers.
        """
        self._clock = clock
        self._chance = chance
        self._health: dict[str, _Health] = {}
        self._refused: dict[tuple[str, str], str] = {}
        self._speeds: dict[ModelName, _Speed] = {}

    def known(self, info: ModelInfo) -> Known:
        """The model, with how it does now."""
        wait = None
        # Not what it said of the key: this is shown to whoever asks, and the owners know.
        why = "its provider is out of service" if self.refused(info) else _lacking(info)
        if not why:
            why, wait = self._out(info.provider)
        return Known(info=info, out=why, wait=wait, latency=self.latency(info.name))

    def latency(self, model: ModelName) -> float | None:
        """Seconds to the first word, the median of the last calls; None where there are none."""
        speed = self._speeds.get(model)
        return _median(speed.latencies) if speed is not None and speed.latencies else None

    def backoff(self, tries: int, error: ModelError) -> float:
        """Seconds to wait before a model is asked once more, which failed `tries` times.

        Never less than it asked for; spread, so that not all come back in one moment.
        """
        spread = self._chance()
        asked = error.after if isinstance(error, ModelRateLimited) else None
        if asked is not None:
            return asked * (1 + spread / 10)
        return min(2.0**tries, _LONGEST_BACKOFF) * (0.5 + spread / 2)

    # ---- what happened

    def began(self, info: ModelInfo) -> None:
        """A call begins; after a pause, the one that says whether it works again."""
        health = self._of(info)
        if health.until:
            health.trying = True

    def spoke(self, info: ModelInfo, seconds: float) -> None:
        """The first word came after so long."""
        if len(self._speeds) < _MOST_MODELS:
            self._speeds.setdefault(info.name, _Speed()).latencies.append(seconds)

    def answered(self, info: ModelInfo) -> None:
        """A call came to its end: the provider is well."""
        if info.provider in self._health:
            self._health[info.provider] = _Health()

    def given_up(self, info: ModelInfo) -> None:
        """A call ended without saying anything of the provider."""
        self._of(info).trying = False

    def failed(self, info: ModelInfo, error: ModelError) -> None:
        """A call failed. What has no provider, as the offline assistant, has no health."""
        if not info.provider:
            return
        health = self._of(info)
        health.trying = False
        if isinstance(error, ModelKeyRefused):
            self.refuse(info.provider, info.credential, str(error))
        elif isinstance(error, ModelRateLimited):
            self._limit(info, health, error)
        elif isinstance(error, ModelMissing):
            return  # it answered: its other models may be well
        elif isinstance(error, ModelUnavailable | ModelTimeout):
            health.failures += 1
            if health.failures >= OPENS_AFTER:
                health.silent = isinstance(error, ModelNotRunning)
                self._pause(info, health)

    def refuse(self, provider: str, credential: str, why: str) -> None:
        """The provider does not take that key."""
        self._refused[provider, credential] = why

    def put_back(self, provider: str) -> bool:
        """Call the provider again, whatever happened; False where it was not out."""
        refused = [key for key in self._refused if key[0] == provider]
        for key in refused:
            del self._refused[key]
        was_out = bool(self._out(provider)[0])
        self._health.pop(provider, None)
        return bool(refused) or was_out

    def refused(self, info: ModelInfo) -> bool:
        """Whether the provider does not take the model's key."""
        return (info.provider, info.credential) in self._refused

    # ---- how it does

    def _of(self, info: ModelInfo) -> _Health:
        return self._health.setdefault(info.provider, _Health())

    def _out(self, provider: str) -> tuple[str, float | None]:
        health = self._health.get(provider)
        if health is None or not health.until:
            return "", None
        left = health.until - self._clock.monotonic()
        why = "failed again and again"
        if health.limited:
            why = "asked us to slow down"
        elif health.silent:
            why = "on this machine does not answer (is it running?)"
        if left > 0:
            return f"{provider} {why}, so it is left alone for {left:.0f} s", left
        if health.trying and not health.limited:
            return f"{provider} {why}, and is being tried", FIRST_PAUSE
        return "", None

    def _pause(self, info: ModelInfo, health: _Health) -> None:
        pause = min(FIRST_PAUSE * 2**health.pauses, LONGEST_PAUSE)
        health.pauses += 1
        health.limited = False
        # Spread as tries are: many processes must not come back in one moment.
        health.until = self._clock.monotonic() + pause * (1 + self._chance() / 10)
        log.warning("provider.paused", extra={"provider": info.provider, "seconds": pause})

    def _limit(self, info: ModelInfo, health: _Health, error: ModelRateLimited) -> None:
        after = self.backoff(health.failures + 1, error)
        health.failures += 1
        health.limited = True
        health.until = max(health.until, self._clock.monotonic() + after)
        log.info("provider.limited", extra={"provider": info.provider, "seconds": after})


def _lacking(info: ModelInfo) -> str:
    """Why a model without a key is not asked; empty for one that has one, or needs none."""
    if not info.lacks:
        return ""  # as of most
    settings = " or ".join([f"`{name}`" for name in info.lacks])
    return f"it has no key: set {settings} and start again"


class WatchedModel:
    """A model whose calls are noted: how fast it was, and whether its provider failed."""

    def __init__(self, model: ModelPort, providers: Providers, clock: Clock) -> None:
        """Note the calls of `model` with `providers`."""
        self._model = model
        self._providers = providers
        self._clock = clock

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        return self._model.info

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Ask; the promise is that of `runtime.ports.ModelPort.stream`."""
        info, providers = self._model.info, self._providers
        began, first, ended = self._clock.monotonic(), True, False
        providers.began(info)
        chunks = self._model.stream(request)
        try:
            async for chunk in chunks:
                if first:
                    providers.spoke(info, self._clock.monotonic() - began)
                    first = False
                if isinstance(chunk, Finished):
                    providers.answered(info)
                    ended = True
                yield chunk
        except ModelError as error:
            providers.failed(info, error)
            ended = True
            raise
        finally:
            if not ended:
                providers.given_up(info)
            await _closed(chunks)


async def _closed(chunks: AsyncIterator[Chunk]) -> None:
    if isinstance(chunks, AsyncGenerator):
        await chunks.aclose()


def _median(many: Iterable[float]) -> float:
    """The middle of some numbers, or of the two in the middle; `statistics` is 0.2 MB."""
    ordered = sorted(many)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
