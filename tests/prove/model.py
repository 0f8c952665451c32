"""LLM: the model port against a real llama.cpp server."""

import asyncio

from tests.proof.llama import missing, prove
from tests.prove.report import Check, NotRun, Outcome


def real_server() -> Outcome:
    """Streaming, usage, limits and errors of a real server, never the quality of what it says."""
    if reason := missing():
        raise NotRun(reason)
    count, failed = asyncio.run(prove())
    return Outcome(
        tried=f"{count} checks against a real llama.cpp server",
        checks=(Check(what="failed", value=len(failed)),),
        notes=failed,
    )
