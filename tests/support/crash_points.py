"""Fault points: a port in front of a port that kills this process before or after a named call.

A point is written `outbox.claim:after`: the port, the method, and whether the process dies just
before the call is made or just after it returned. Calls are counted from the moment at which the
fuse is armed, and calls that came back with nothing (an empty claim, no next turn) do not count.
"""

import asyncio
import inspect
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from runtime.model.completion import Chunk, ModelRequest
from runtime.model.tools import Json
from runtime.ports import ChatPort, Durable, ModelPort, RunContext, Store, Workflow

BEFORE = "before"
AFTER = "after"

_STORES = ("inbox", "conversations", "turns", "outbox", "schedules", "workers", "stops")


@dataclass(frozen=True, slots=True)
class Point:
    """Where the process dies.

    Attributes:
        method: the port and the method: `outbox.claim`, `chat.send`, `step.turn`.
        phase: `before` or `after` the call.
        call: the how-manieth call of those that count.
    """

    method: str
    phase: str
    call: int = 1

    def __str__(self) -> str:
        return f"{self.method}:{self.phase}" + (f":{self.call}" if self.call > 1 else "")


@dataclass(slots=True)
class Fuse:
    """Kills this process at a point, or writes down which calls were made.

    Attributes:
        point: where; None for nowhere.
        armed_by: a file that arms the fuse once it is there (see `arm`); None for a fuse that
            always is.
        trace: a file that gets the name of every call that counts, or None.
    """

    point: Point | None = None
    armed_by: Path | None = None
    trace: Path | None = None
    _armed: bool = False
    _calls: int = 0

    def pass_before(self, method: str, *given: object) -> None:
        """The method is about to be called, with what is given."""
        self._armed = self._armed or self._arms(method, given)
        if self._armed:
            self._note(method)
            self._strike(method, BEFORE)

    def pass_after(self, method: str) -> None:
        """The call came back with something."""
        if self._armed:
            self._strike(method, AFTER)

    def _arms(self, method: str, given: tuple[object, ...]) -> bool:
        if self.armed_by is None:
            return True
        if not self.armed_by.exists():
            return False
        words = self.armed_by.read_text()
        return not words or (method == "inbox.append" and words in repr(given))

    def _strike(self, method: str, phase: str) -> None:
        if self.point is None or (method, phase) != (self.point.method, self.point.phase):
            return
        self._calls += 1
        if self._calls == self.point.call:
            os.kill(os.getpid(), signal.SIGKILL)

    def _note(self, method: str) -> None:
        if self.trace is not None:
            with self.trace.open("a") as file:
                file.write(f"{method}\n")


def arm(file: Path, words: str) -> None:
    """Arm the fuse that waits for this file, from the event on that has the words in it.

    What an earlier event left under way is done with by then, so that no call of it counts.
    """
    draft = file.with_suffix(".draft")
    draft.write_text(words)
    draft.replace(file)


_OF_ONE = {"append_all": "append"}
"""Methods that do for many what another one does for one, and are the same point."""
_WRITING = frozenset({"turns.finish"})
"""Methods that have written when they return, even where what they return is empty."""


class _Watched:
    """Any port: its coroutine methods pass the fuse, everything else is the port's own."""

    def __init__(self, inner: object, name: str, fuse: Fuse) -> None:
        self._inner = inner
        self._name = name
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        point = f"{self._name}.{_OF_ONE.get(name, name)}"
        if inspect.iscoroutinefunction(found):
            return _passing(found, point, self._fuse)
        if inspect.ismethod(found) and "Awaitable" in str(found.__annotations__.get("return")):
            return _promising(found, point, self._fuse)
        return found


class _WatchedStore:
    """The store: each of its parts is a port."""

    def __init__(self, inner: Store, fuse: Fuse) -> None:
        self._inner = inner
        self._parts = {name: _Watched(getattr(inner, name), name, fuse) for name in _STORES}

    def __getattr__(self, name: str) -> Any:
        return self._parts.get(name) or getattr(self._inner, name)


class _WatchedModel:
    """A model: the fuse is passed before the call, after its first piece and after its last."""

    def __init__(self, inner: ModelPort, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        self._fuse.pass_before("model.stream")
        first = True
        async for chunk in self._inner.stream(request):
            if first:
                self._fuse.pass_before("model.piece")
            yield chunk
            if first:
                self._fuse.pass_after("model.piece")
            first = False
        self._fuse.pass_after("model.stream")


class _WatchedDurable(_Watched):
    """Durable runs: the fuse is also passed at each step of each workflow."""

    def register(self, name: str, workflow: Workflow) -> None:
        durable = cast("Durable", self._inner)

        async def watched(context: RunContext, payload: Json) -> Json:
            return await workflow(cast("RunContext", _WatchedContext(context, self._fuse)), payload)

        durable.register(name, watched)


class _WatchedContext:
    """A workflow's context: `step.x` is the step with its storing, `work.x` what is done in it."""

    def __init__(self, inner: RunContext, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        async def watched() -> Json:
            self._fuse.pass_before(f"work.{name}")
            result = await work()
            self._fuse.pass_after(f"work.{name}")
            return result

        self._fuse.pass_before(f"step.{name}")
        result = await self._inner.step(name, watched)
        self._fuse.pass_after(f"step.{name}")
        return result


def watched_store(store: Store, fuse: Fuse) -> Store:
    """The store behind the fuse."""
    return cast("Store", _WatchedStore(store, fuse))


def watched_chat(chat: ChatPort, fuse: Fuse) -> ChatPort:
    """The platform behind the fuse."""
    return cast("ChatPort", _Watched(chat, "chat", fuse))


def watched_model(model: ModelPort, fuse: Fuse) -> ModelPort:
    """The model behind the fuse."""
    return cast("ModelPort", _WatchedModel(model, fuse))


def watched_durable(durable: Durable, fuse: Fuse) -> Durable:
    """The durable engine behind the fuse."""
    return cast("Durable", _WatchedDurable(durable, "durable", fuse))


def _counts(result: object) -> bool:
    """Whether the call did anything: for one of many at least, where it was about many."""
    return any(result) if isinstance(result, list) else bool(result)


def _promising(
    method: Callable[..., Awaitable[object]], name: str, fuse: Fuse
) -> Callable[..., Awaitable[object]]:
    """A method that is no coroutine and returns what can be awaited: a future stays one."""

    def passed(done: asyncio.Future[object]) -> None:
        if not done.cancelled() and done.exception() is None and _counts(done.result()):
            fuse.pass_after(name)

    async def awaited(promise: Awaitable[object]) -> object:
        result = await promise
        if _counts(result):
            fuse.pass_after(name)
        return result

    def call(*args: object, **named: object) -> Awaitable[object]:
        fuse.pass_before(name, args, named)
        promise = method(*args, **named)
        if isinstance(promise, asyncio.Future):
            promise.add_done_callback(passed)
            return promise
        return awaited(promise)

    return call


def _passing(
    method: Callable[..., Awaitable[object]], name: str, fuse: Fuse
) -> Callable[..., Awaitable[object]]:
    returned = getattr(method, "__annotations__", {}).get("return", "")
    counts_anyway = returned in {None, "None"} or name in _WRITING

    async def call(*args: object, **named: object) -> object:
        fuse.pass_before(name, args, named)
        result = await method(*args, **named)
        if counts_anyway or result:
            fuse.pass_after(name)
        return result

    return call
