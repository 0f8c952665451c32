"""Any model that LiteLLM speaks to, behind `runtime.ports.ModelPort`."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import aiohttp

from adapters.models import wire
from adapters.models.answer import Answer, usage_of
from adapters.models.deadline import LONGEST_CALL, Watchdog, next_limit, within
from adapters.models.fuse import Fuse, loopback_socket
from adapters.models.loading import (
    LastUsage,
    LiteLLM,
    Session,
    Stream,
    StreamChunk,
    leave_no_record,
    load,
    loaded,
    prepare_environment,
)
from adapters.models.provider_errors import translate
from adapters.models.whole import WholeAnswer
from runtime.clock import Clock
from runtime.errors import ModelOutputUnusable
from runtime.model.completion import Chunk, ModelInfo, ModelRequest, TextDelta, Usage

_OLLAMA = "ollama_chat/"
_TAKES_OUR_CLIENT = ("openai/", _OLLAMA)
"""Providers that are called through our own HTTP session; LiteLLM keeps one for each other."""
_GARBAGE = (ValueError, TypeError, AttributeError, KeyError, IndexError)
"""What LiteLLM trips over where a server sends what is no chunk."""
_SPARE_SECONDS = 30.0
"""LiteLLM's own time limit lies that far behind ours, so that it is ours that ends a call."""


class LiteLLMModel:
    """A model of a provider, of Ollama, or of any server that speaks OpenAI's chat completions.

    LiteLLM is imported in a thread at the first call, which therefore takes some seconds longer;
    `warm_up` does it before. It retries nothing: the turn decides about that.
    """

    def __init__(
        self,
        info: ModelInfo,
        model: str,
        *,
        api_key: str | None,
        base_url: str | None,
        timeout: float,
        idle_timeout: float,
        clock: Clock,
        fuse: Fuse,
    ) -> None:
        """Describe the model; nothing is imported or sent.

        Args:
            info: what is known of it.
            model: LiteLLM's name of it: `openai/gpt-4.1-mini`, `ollama_chat/llama3.2`.
            api_key: the key; None where the server wants none, or LiteLLM finds it itself.
            base_url: where it is, for a server of one's own; None for the provider's address.
            timeout: seconds until the first word must have come.
            idle_timeout: seconds that may pass between two pieces after that.
            clock: the time.
            fuse: whether it may be called at all.
        """
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = min(timeout, LONGEST_CALL)
        self._idle_timeout = idle_timeout
        self._clock = clock
        self._fuse = fuse
        self._client: Session | None = None
        self._session: aiohttp.ClientSession | None = None
        self._info = info

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
        names = wire.ToolNames(spec.name for spec in request.tools)
        incoming = _Incoming(Answer(names, asked=self._model))
        answer = incoming.answer
        began, life = self._clock.monotonic(), None
        try:
            await within(
                self._clock, self._timeout, self._ask(litellm, request, incoming), "a word"
            )
            async with Watchdog(self._clock, every=self._idle_timeout) as dog:
                while not incoming.ended:
                    until = next_limit(
                        first=began + self._timeout,
                        life=life,
                        idle=self._idle_timeout,
                        last=began + LONGEST_CALL,
                        begun=answer.started,
                    )
                    if text := await dog.guard(incoming.next(), until=until):
                        yield TextDelta(text)
                    life = self._clock.monotonic()
        except litellm.errors as error:
            raise translate(
                error,
                now=self._clock.now(),
                started=answer.started,
                secret=self._api_key,
                local=self._info.local,
            ) from None
        finally:
            await incoming.close()
        yield incoming.whole().finished(request)

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

    async def _ask(self, litellm: LiteLLM, request: ModelRequest, incoming: "_Incoming") -> None:
        prepare_environment()
        arguments: dict[str, object] = {
            "model": self._model,
            "messages": self._messages(request, incoming.answer.names),
            "max_tokens": request.max_tokens,
            "stream": self._info.streaming,
            "timeout": max(self._timeout, self._idle_timeout) + _SPARE_SECONDS,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
        }
        if self._info.streaming:
            arguments["stream_options"] = {"include_usage": True}
        if request.tools:
            arguments["tools"] = wire.tools(request.tools, incoming.answer.names)
        if request.temperature is not None:
            arguments["temperature"] = request.temperature
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
        litellm.no_record.set(True)  # in this task alone, which `within` began for the call
        if not self._info.streaming:
            completion = await litellm.ask_whole(**arguments)
            incoming.kept.append(completion)
            incoming.stream = WholeAnswer(completion)
            return
        # Kept at once: whoever cancels this in the very moment it ends must find it, to close it.
        incoming.stream = stream = await litellm.ask(**arguments)
        incoming.kept = leave_no_record(stream)

    def _messages(self, request: ModelRequest, names: wire.ToolNames) -> list[wire.Message]:
        messages = wire.messages(request, names)
        return wire.marked(messages) if self._info.prompt_cache else messages

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
class _Incoming:
    """An answer while LiteLLM streams it.

    Attributes:
        answer: what has come.
        stream: where it comes from, once the server has begun to answer.
        kept: the usage that came over the wire.
        ended: nothing more will come.
    """

    answer: Answer
    stream: Stream | WholeAnswer | None = None
    kept: LastUsage = field(default_factory=LastUsage)
    ended: bool = False

    async def next(self) -> str:
        """Take the next chunk; returns the text that it adds, and sets `ended` at the end."""
        try:
            chunk = None if self.stream is None else await anext(aiter(self.stream), None)
            if chunk is None:
                self.ended = True
                return ""
            self.answer.model = chunk.model or self.answer.model
            text = chunk.choices[0].delta.content or "" if chunk.choices else ""
            pieces = _pieces(chunk)
        except _GARBAGE as error:
            raise ModelOutputUnusable(f"it sent no chunk ({type(error).__name__})") from None
        if not isinstance(text, str):
            raise ModelOutputUnusable("the server sent a text that is none")
        self.answer.say(text)
        for piece in pieces:
            self.answer.call(piece)
        return text

    async def close(self) -> None:
        """Stop the call, where it has not ended."""
        if self.stream is not None:
            await self.stream.aclose()

    def whole(self) -> Answer:
        """The answer, with what LiteLLM keeps apart from its chunks."""
        if self.stream is not None:
            self.answer.reason = self.stream.received_finish_reason
            self.answer.usage = _usage(self.kept.usage)
        return self.answer


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


def _usage(last: object | None) -> Usage:
    """The usage that came over the wire; LiteLLM's own count, which it adds, is none."""
    details = getattr(last, "prompt_tokens_details", None)
    return usage_of(
        getattr(last, "prompt_tokens", None),
        getattr(last, "completion_tokens", None),
        (getattr(details, "cached_tokens", None), getattr(details, "cache_creation_tokens", None)),
    )
