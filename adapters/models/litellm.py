"""Any model that LiteLLM speaks to, behind `runtime.ports.ModelPort`."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import aiohttp

from adapters.models import wire
from adapters.models.deadline import within
from adapters.models.fuse import Fuse, is_loopback, loopback_socket
from adapters.models.loading import (
    LiteLLM,
    Session,
    Stream,
    StreamChunk,
    load,
    loaded,
    prepare_environment,
)
from adapters.models.provider_errors import translate
from runtime.clock import Clock
from runtime.errors import ModelOutputUnusable
from runtime.ids import ModelName
from runtime.model.completion import (
    Chunk,
    Finished,
    ModelInfo,
    ModelRequest,
    StopReason,
    TextDelta,
    Usage,
)

_OLLAMA = "ollama_chat/"
_OLLAMA_URL = "http://127.0.0.1:11434"
_TAKES_OUR_CLIENT = ("openai/", _OLLAMA)
"""Providers that are called through our own HTTP session; LiteLLM keeps one for each other."""
_MOST_TOKENS = 100_000_000
_SPARE_SECONDS = 30.0
"""LiteLLM's own time limit lies that far behind ours, so that it is ours that ends a call."""


class LiteLLMModel:
    """A model of a provider, of Ollama, or of any server that speaks OpenAI's chat completions.

    LiteLLM is imported in a thread at the first call, which therefore takes some seconds longer;
    `warm_up` does it before. It retries nothing: the turn decides about that.
    """

    def __init__(  # noqa: PLR0913 - the settings of a model, each with its name
        self,
        name: ModelName,
        model: str,
        *,
        api_key: str | None,
        base_url: str | None,
        context_tokens: int,
        timeout: float,
        idle_timeout: float,
        clock: Clock,
        fuse: Fuse,
    ) -> None:
        """Describe the model; nothing is imported or sent.

        Args:
            name: the name that configuration gives it.
            model: LiteLLM's name of it: `openai/gpt-4.1-mini`, `ollama_chat/llama3.2`.
            api_key: the key; None where the server wants none, or LiteLLM finds it itself.
            base_url: where it is, for a server of one's own; None for the provider's address.
            context_tokens: how many tokens fit into a call, answer included.
            timeout: seconds until the first word must have come.
            idle_timeout: seconds that may pass between two pieces after that.
            clock: the time.
            fuse: whether it may be called at all.
        """
        if base_url is None and model.startswith(_OLLAMA):
            base_url = _OLLAMA_URL
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = timeout
        self._idle_timeout = idle_timeout
        self._clock = clock
        self._fuse = fuse
        self._client: Session | None = None
        self._session: aiohttp.ClientSession | None = None
        self._info = ModelInfo(
            name=name, context_tokens=context_tokens, local=is_loopback(base_url)
        )

    @property
    def info(self) -> ModelInfo:
        """What is known of it; `local` where its address is on this machine."""
        return self._info

    async def warm_up(self) -> None:
        """Bring LiteLLM in now, in a thread, so that the first call need not.

        Raises:
            SpendingForbidden: the model may not be called, so nothing is imported.
        """
        await self._bring_in()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Ask; the promise is that of `runtime.ports.ModelPort.stream`."""
        litellm = await self._bring_in()
        answer = _Answer(names=wire.ToolNames(spec.name for spec in request.tools))
        deadline = self._clock.monotonic() + self._timeout
        try:
            await within(self._clock, self._timeout, self._ask(litellm, request, answer), "a word")
            while not answer.ended:
                left = self._idle_timeout
                if not answer.started:
                    left = deadline - self._clock.monotonic()
                if text := await within(self._clock, left, answer.next(), "the next piece"):
                    yield TextDelta(text)
        except litellm.errors as error:
            raise translate(
                error, now=self._clock.now(), started=answer.started, secret=self._api_key
            ) from None
        finally:
            await answer.close()
        yield answer.finished(request)

    async def aclose(self) -> None:
        """Close the connections. The model may be asked again; it then opens new ones."""
        client, self._client = self._client, None
        session, self._session = self._session, None
        if client is not None:
            await client.close()
        if session is not None:
            await session.close()
        if loaded():
            await load().forget_clients()

    async def _bring_in(self) -> LiteLLM:
        self._fuse.check(self._model, self._base_url)
        return load() if loaded() else await asyncio.to_thread(load)

    async def _ask(self, litellm: LiteLLM, request: ModelRequest, answer: "_Answer") -> None:
        prepare_environment()
        arguments: dict[str, object] = {
            "model": self._model,
            "messages": wire.messages(request, answer.names),
            "max_tokens": request.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            "timeout": max(self._timeout, self._idle_timeout) + _SPARE_SECONDS,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
        }
        if request.tools:
            arguments["tools"] = wire.tools(request.tools, answer.names)
        if self._base_url is not None:
            arguments["api_base"] = self._base_url
            # Without one, LiteLLM would send the key of the provider that it finds in the
            # environment, to a server that is not the provider's.
            arguments["api_key"] = self._api_key or "none"
        elif self._api_key is not None:
            arguments["api_key"] = self._api_key
        if self._model.startswith(_OLLAMA):
            # Ollama cuts a longer prompt off silently, and its own default is a few thousand.
            arguments["num_ctx"] = self._info.context_tokens
        if self._model.startswith(_TAKES_OUR_CLIENT):
            arguments["client"] = self._our_client(litellm)
        # Kept at once: whoever cancels this in the very moment it ends must find it, to close it.
        answer.stream = await litellm.ask(**arguments)

    def _our_client(self, litellm: LiteLLM) -> Session:
        """The HTTP client over our own session: closed by us, and fused where spending is off."""
        if self._client is None or self._session is None or self._session.closed:
            fused = not self._fuse.allow_spending
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=loopback_socket if fused else None),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=not self._info.local,
            )
            self._client = litellm.http.AsyncHTTPHandler(
                transport=litellm.transport(
                    client=self._session,
                    ssl_verify=litellm.http.get_ssl_configuration(),
                    owns_session=False,
                ),
                follow_redirects=False,
            )
        return self._client


@dataclass(slots=True)
class _Answer:
    """An answer while it comes in.

    Attributes:
        names: the tools' names on the wire.
        text: what has come.
        started: a word or a tool call has come.
        ended: nothing more will come.
        model: the provider's name of the model.
        stream: where it comes from, once the server has begun to answer.
    """

    names: wire.ToolNames
    stream: Stream | None = None
    text: str = ""
    started: bool = False
    ended: bool = False
    model: str = ""
    calls: wire.CallAssembly = field(default_factory=wire.CallAssembly)

    async def next(self) -> str:
        """Take the next chunk; returns the text that it adds, and sets `ended` at the end."""
        chunk = None if self.stream is None else await anext(aiter(self.stream), None)
        if chunk is None:
            self.ended = True
            return ""
        self.model = chunk.model or self.model
        text = chunk.choices[0].delta.content or "" if chunk.choices else ""
        pieces = _pieces(chunk)
        for piece in pieces:
            self.calls.add(piece)
        self.text += text
        self.started = self.started or bool(text or pieces)
        return text

    async def close(self) -> None:
        """Stop the call, where it has not ended."""
        if self.stream is not None:
            await self.stream.aclose()

    def finished(self, request: ModelRequest) -> Finished:
        """The end of the answer.

        Raises:
            ModelOutputUnusable: it broke off, or there is nothing in it.
        """
        reason = None if self.stream is None else self.stream.received_finish_reason
        if self.stream is None or reason is None:
            raise ModelOutputUnusable("the answer broke off before its end")
        calls = self.calls.whole(self.names, wire.calls_in(request))
        if not (self.text.strip() or calls):
            raise ModelOutputUnusable(f"the answer is empty ({reason})")
        if reason == "length" and any(not wire.is_object(call.arguments) for call in calls):
            raise ModelOutputUnusable("a tool call was cut off by the limit on the answer's length")
        stop = StopReason.LENGTH if reason == "length" else StopReason.COMPLETE
        return Finished(
            text=self.text,
            tool_calls=calls,
            reason=StopReason.TOOL_CALLS if calls else stop,
            usage=_usage(self.stream),
            model=self.model,
        )


def _pieces(chunk: StreamChunk) -> list[wire.CallPiece]:
    return [
        wire.CallPiece(
            place=piece.index or 0,
            id=piece.id or "",
            name=piece.function.name or "",
            arguments=piece.function.arguments or "",
        )
        for choice in chunk.choices[:1]
        for piece in choice.delta.tool_calls or ()
    ]


def _usage(stream: Stream) -> Usage:
    """The usage that came over the wire; LiteLLM's own count, which it adds, is none."""
    came = [usage for chunk in stream.chunks if (usage := getattr(chunk, "usage", None))]
    if not came:
        return Usage(None, None)
    return Usage(
        _tokens(getattr(came[-1], "prompt_tokens", None)),
        _tokens(getattr(came[-1], "completion_tokens", None)),
    )


def _tokens(count: object) -> int | None:
    """The count, or None where no call can have used so many, or none at all: not counted."""
    possible = isinstance(count, int) and 0 < count <= _MOST_TOKENS
    return count if possible and isinstance(count, int) else None
