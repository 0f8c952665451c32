"""LiteLLM, brought in when it is first needed.

Importing it takes seconds and 160 MB, so it happens in a thread, after the program is ready, and
never on the event loop. Its first call imports and compiles as much again; a rehearsal against a
canned answer, in the same thread and without a socket, takes that off the loop as well.
"""

import asyncio
import functools
import gc
import importlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, cast

from runtime.model.value import value

_REHEARSED = b"""\
data: {"id":"0","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,\
"delta":{"role":"assistant","content":"ok"},"finish_reason":null}]}

data: {"id":"0","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,\
"delta":{},"finish_reason":"stop"}]}

data: {"id":"0","object":"chat.completion.chunk","created":0,"model":"m","choices":[],\
"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}

data: [DONE]

"""
_LOADING = threading.Lock()


class FunctionPiece(Protocol):
    """A piece of a tool call's name and arguments, as LiteLLM streams it."""

    name: str | None
    arguments: str | None


class ToolPiece(Protocol):
    """A piece of a tool call, as LiteLLM streams it."""

    index: int | None
    id: str | None
    function: FunctionPiece


class Delta(Protocol):
    """What a chunk adds to the answer, as LiteLLM streams it."""

    content: str | None
    tool_calls: Sequence[ToolPiece] | None


class StreamChoice(Protocol):
    """One of the answers in a chunk; there is at most one."""

    delta: Delta


class StreamChunk(Protocol):
    """A chunk, as LiteLLM streams it."""

    choices: Sequence[StreamChoice]
    model: str | None


class Stream(Protocol):
    """LiteLLM's stream of chunks.

    At its end it makes up what the server did not send: a finish reason, and a usage that it
    counts itself. These attributes hold what did come over the wire.

    Attributes:
        chunks: where it keeps every chunk that came, with the usage where one came.
        received_finish_reason: the finish reason that came, or None where the stream broke off.
    """

    chunks: list[object]
    received_finish_reason: str | None

    def __aiter__(self) -> AsyncIterator[StreamChunk]:
        """Iterate over the chunks."""
        ...

    async def __anext__(self) -> StreamChunk:
        """The next chunk."""
        ...

    async def aclose(self) -> None:
        """Stop the call."""
        ...


class Message(Protocol):
    """An answer in one piece, as LiteLLM hands it over; its tool calls have no index."""

    content: str | None
    tool_calls: Sequence[ToolPiece] | None


class CompletionChoice(Protocol):
    """One of the answers of a completion; there is at most one."""

    message: Message
    finish_reason: str | None


class Completion(Protocol):
    """What LiteLLM returns for a call that does not stream; a usage of 0 is none that came."""

    choices: Sequence[CompletionChoice]
    model: str | None


class AskModel(Protocol):
    """`litellm.acompletion` with `stream=True`."""

    def __call__(self, **arguments: object) -> Awaitable[Stream]:
        """Ask."""
        ...


class AskWhole(Protocol):
    """`litellm.acompletion` with `stream=False`."""

    def __call__(self, **arguments: object) -> Awaitable[Completion]:
        """Ask."""
        ...


class Session(Protocol):
    """An HTTP client of LiteLLM's."""

    async def close(self) -> None:
        """Close the connections it owns."""
        ...


@value(kw_only=True)
class LiteLLM:
    """What is used of LiteLLM.

    Attributes:
        ask: calls a model that answers piece by piece.
        ask_whole: calls one that answers at once.
        errors: everything that a failed call raises.
        no_record: True where a call is to leave no record; LiteLLM's own, for calls within calls.
        http: its module of HTTP clients.
        transport: its transport over an aiohttp session.
        forget_clients: closes the clients that it keeps by itself.
    """

    ask: AskModel
    ask_whole: AskWhole
    errors: tuple[type[Exception], ...]
    no_record: ContextVar[bool]
    http: Any
    transport: Any
    forget_clients: Any


def load() -> LiteLLM:
    """LiteLLM, imported and rehearsed. Blocks for seconds the first time: call it in a thread."""
    with _LOADING:
        if loaded():
            return _load()
        with _garbage_left_lying():
            return _load()


def loaded() -> bool:
    """Whether it has been brought in."""
    return _load.cache_info().currsize > 0


@contextmanager
def _garbage_left_lying() -> Iterator[None]:
    """Keep the collector away while the modules come in, and from them for ever after.

    It holds the interpreter, and so the event loop, for as long as it walks through what there is,
    and an import makes a million things that stay: measured, it stalled the loop for 0.36 s while
    LiteLLM was loaded, and for as long again at every full collection from then on. Frozen things
    are not walked through again; what was garbage in this moment is kept, once.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def prepare_environment() -> None:
    """Set what LiteLLM reads from the environment, and from nowhere else.

    The first keeps it from fetching a price list from the network when it is imported; the second,
    which it reads at every call, takes its call from 20 ms of loop time to 5 at 50 messages.
    """
    # LiteLLM takes neither as an argument, so this is the one write to the environment there is.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # noqa: TID251
    os.environ["EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER"] = "true"  # noqa: TID251


@functools.cache
def _load() -> LiteLLM:
    prepare_environment()
    litellm = importlib.import_module("litellm")
    http = importlib.import_module("litellm.llms.custom_httpx.http_handler")
    transport = importlib.import_module("litellm.llms.custom_httpx.aiohttp_transport")
    cleanup = importlib.import_module("litellm.llms.custom_httpx.async_client_cleanup")
    _hush(litellm)
    whole = LiteLLM(
        ask=cast("AskModel", litellm.acompletion),
        ask_whole=cast("AskWhole", litellm.acompletion),
        errors=(
            importlib.import_module("openai").OpenAIError,
            importlib.import_module("httpx").HTTPError,
        ),
        no_record=importlib.import_module("litellm._internal_context").is_internal_call,
        http=http,
        transport=transport.LiteLLMAiohttpTransport,
        forget_clients=cleanup.close_litellm_async_clients,
    )
    asyncio.run(_rehearse(whole))
    return whole


def _hush(litellm: Any) -> None:
    """Nothing printed, nothing logged, nothing reported: what went wrong is in our own errors."""
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.turn_off_message_logging = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.CRITICAL)
    # They write the address of every request at INFO.
    for name in ("httpx", "openai"):
        logging.getLogger(name).setLevel(logging.WARNING)


class LastUsage(list[object]):
    """Of all the chunks that are appended, keeps the last usage, and nothing else.

    Attributes:
        usage: as LiteLLM has it; None where none came.
    """

    usage: object | None = None

    def append(self, chunk: object) -> None:
        """Take the next chunk."""
        self.usage = getattr(chunk, "usage", None) or self.usage


def leave_no_record(stream: Stream) -> LastUsage:
    """Keep LiteLLM from working out a record of the call that nobody reads: 4 ms of loop time.

    It puts its record together from the chunks that it kept, at the end of each stream, and leaves
    it to whoever has set the other; where it does not know the names, as one that is not the pinned
    one may not, it goes on as before. Returns where the usage will be.
    """
    record = getattr(stream, "logging_obj", None)
    if record is not None:
        record._on_deferred_stream_complete = _nobody  # noqa: SLF001 - its proxy's own way
    stream.chunks = kept = LastUsage()
    return kept


def _nobody() -> None:
    """Reads no record."""


async def _rehearse(litellm: LiteLLM) -> None:
    httpx = importlib.import_module("httpx")
    client = litellm.http.AsyncHTTPHandler(
        transport=httpx.MockTransport(
            lambda _: httpx.Response(
                200, content=_REHEARSED, headers={"Content-Type": "text/event-stream"}
            )
        )
    )
    stream = await litellm.ask(
        model="openai/m",
        messages=[{"role": "user", "content": "ok?"}],
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        stream=True,
        stream_options={"include_usage": True},
        api_base="http://127.0.0.1:1/v1",
        api_key="none",
        num_retries=0,
        max_retries=0,
        client=client,
    )
    async for _ in stream:
        pass
    await client.close()
