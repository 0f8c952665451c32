"""What turns are measured against: nanobot's agent loop, where somebody installed it.

It is no dependency of this project (`pip install nanobot-ai`, tried with 0.3.5), so nothing here is
imported before it is needed. Its own defaults hold; the model answers at once.
"""

import asyncio
import importlib
import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.child import live, obey, say
from bench.machine import SERVER_CORE
from bench.spoken import HISTORY, SENTENCE, Stretch, Turns
from bench.spread import percentile


def _provider() -> Any:
    """A provider of nanobot's that answers at once."""
    base = importlib.import_module("nanobot.providers.base")

    async def chat(_: object, **_request: object) -> Any:
        return base.LLMResponse(content=SENTENCE)

    def get_default_model(_: object) -> str:
        return "instant"

    methods = {"chat": chat, "get_default_model": get_default_model}
    return type("Instant", (base.LLMProvider,), methods)(provider_name="instant")


def _loop(workspace: Path) -> Any:
    bus = importlib.import_module("nanobot.bus.queue").MessageBus()
    agent = importlib.import_module("nanobot.agent.loop").AgentLoop
    return agent(bus=bus, provider=_provider(), workspace=workspace, model="instant")


async def _live(arguments: Sequence[str]) -> None:
    _, count = arguments
    importlib.import_module("loguru").logger.remove()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="nightdesk-bench-") as folder:
        agent = _loop(Path(folder))
        for number in range(int(count)):
            session = agent.sessions.get_or_create(f"bench:{number}")
            for place in range(HISTORY):
                session.add_message("assistant" if place % 2 else "user", SENTENCE)
            agent.sessions.save(session)

        async def turns(some: msgspec.Raw) -> Turns:
            latencies = list[float]()
            began, cpu = time.perf_counter(), time.process_time()
            for number in msgspec.json.decode(some, type=Stretch).numbers():
                asked = time.perf_counter()
                await agent.process_direct(SENTENCE, session_key=f"bench:{number}")
                latencies.append((time.perf_counter() - asked) * 1000)
            return Turns(
                count=len(latencies),
                seconds=time.perf_counter() - began,
                cpu=time.process_time() - cpu,
                p50=percentile(latencies, 0.5),
                p99=percentile(latencies, 0.99),
            )

        say("ready")
        await obey({"turns": turns})
        await asyncio.sleep(0)


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
