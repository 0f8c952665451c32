"""What servers of models do wrong, by name, and what must come of it."""

from dataclasses import dataclass, replace

from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelMissing,
    ModelOutputUnusable,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
)
from runtime.model.completion import Usage
from runtime.model.tools import Json
from tests.support.fake_openai import (
    Calls,
    Cut,
    Hang,
    Part,
    Refuses,
    Reply,
    Says,
    Sends,
    call_delta,
    chunk,
    event,
)

KEY = "sk-made-up-0123456789"
HALF = event({"content": "The disk is"})
FULL = (HALF, event({"content": " full."}))
STOP = event({}, "stop")
DONE = b"data: [DONE]\n\n"
UNKNOWN = Usage(None, None)


@dataclass(frozen=True, kw_only=True)
class Misbehaviour:
    """One of them.

    Attributes:
        reply: what the server does.
        error: what must be raised, and nothing more general; None where the answer is good.
        after: the seconds that a rate limit must carry.
        usage: what a good answer must have used.
        litellm_takes: what LiteLLM takes for a whole answer all the same: it skips lines that it
            cannot read, goes on after the end mark, and takes that for a finish reason. It says
            nothing of it, so that we cannot tell. Our own client does none of this.
    """

    reply: Reply
    error: type[ModelError] | None = None
    after: float | None = None
    usage: Usage = UNKNOWN
    litellm_takes: str = ""


def _fails(reply: Reply, error: type[ModelError], after: float | None = None) -> Misbehaviour:
    return Misbehaviour(reply=reply, error=error, after=after)


def _sends(*parts: Part, error: type[ModelError] = ModelOutputUnusable) -> Misbehaviour:
    return _fails(Sends(parts), error)


def _good(*parts: bytes, usage: Usage = UNKNOWN) -> Misbehaviour:
    """The answer is "The disk is full." all the same."""
    return Misbehaviour(reply=Sends(parts), usage=usage)


def _misread(case: Misbehaviour, text: str) -> Misbehaviour:
    return replace(case, litellm_takes=text)


def _used(prompt: Json, completion: Json) -> bytes:
    return chunk(
        {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}}
    )


MISBEHAVIOURS: dict[str, Misbehaviour] = {
    # ---- it refuses
    "rate limit": _fails(Refuses(429, {"message": "slow down"}), ModelRateLimited),
    "rate limit that says how long": _fails(
        Refuses(429, {"message": "slow down"}, {"Retry-After": "7"}), ModelRateLimited, 7.0
    ),
    "rate limit that says nonsense": _fails(
        Refuses(429, {"message": "slow down"}, {"Retry-After": "nan"}), ModelRateLimited
    ),
    "no credit left": _fails(
        Refuses(429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}),
        ModelKeyRefused,
    ),
    "key refused, and repeated": _fails(
        Refuses(401, {"message": f"Incorrect API key provided: {KEY}"}), ModelKeyRefused
    ),
    "key refused as a bad request, as Google does": _fails(
        Refuses(400, {"message": "API key not valid. Please pass a valid API key."}),
        ModelKeyRefused,
    ),
    "key refused as a bad request, as xAI does": _fails(
        Refuses(400, {"message": f"Incorrect API key provided: {KEY}"}), ModelKeyRefused
    ),
    "bad request": _fails(Refuses(400, {"message": "temperature is no number"}), ModelUnavailable),
    "forbidden": _fails(Refuses(403, {"message": "no"}), ModelKeyRefused),
    "no such address": _fails(Refuses(404, {"message": "what?"}), ModelMissing),
    "no such model": _fails(
        Refuses(400, {"message": "The model `m` does not exist", "code": "model_not_found"}),
        ModelMissing,
    ),
    "no such model for this key": _fails(
        Refuses(403, {"message": "Project p does not have access to model m"}), ModelMissing
    ),
    "server error": _fails(Refuses(500, {"message": "boom"}), ModelUnavailable),
    "server error that repeats the key": _fails(
        Refuses(500, {"message": f"for {KEY}"}), ModelUnavailable
    ),
    "server error as an endless page": _fails(
        Refuses(502, {"message": "x" * 2_000_000}), ModelUnavailable
    ),
    "overloaded": _fails(Refuses(503, {"message": "busy"}), ModelUnavailable),
    "gateway time-out": _fails(Refuses(504, {"message": "slow"}), ModelTimeout),
    "context too long": _fails(
        Refuses(400, {"message": "too many tokens", "code": "context_length_exceeded"}),
        ContextTooLong,
    ),
    "content filter": _fails(
        Refuses(400, {"message": "filtered", "code": "content_filter"}), ModelOutputUnusable
    ),
    "redirect": _fails(
        Refuses(307, {"message": "over there"}, {"Location": "/elsewhere"}), ModelMissing
    ),
    # ---- it breaks off
    "cut before a word": _sends(Cut()),
    "cut in the middle": _sends(HALF, Cut()),
    "cut after a part of a line": _sends(HALF, b'data: {"choices": [{"del', Cut()),
    "end without a finish reason": _sends(HALF),
    "end mark without a finish reason": _misread(_sends(HALF, DONE), "The disk is"),
    "nothing at all": _sends(),
    "silence": _sends(Hang(), error=ModelTimeout),
    "silence in the middle": _sends(HALF, Hang(), error=ModelTimeout),
    # ---- it sends nonsense
    "empty answer": _fails(Says(()), ModelOutputUnusable),
    "blank answer": _fails(Says((" ", "\n")), ModelOutputUnusable),
    "a web page": _fails(Sends((b"<html>Welcome</html>",), "text/html"), ModelOutputUnusable),
    "garbage line": _misread(_sends(HALF, b"data: {not json\n\n", STOP, DONE), "The disk is"),
    "text that is a number": _sends(event({"content": 5}), STOP, DONE),
    "choices that are an object": _sends(HALF, chunk({"choices": {"0": "x"}}), STOP, DONE),
    "error in the stream": _sends(
        HALF,
        b'data: {"error": {"message": "overloaded", "code": 500}}\n\n',
        error=ModelUnavailable,
    ),
    "content filter in the middle": _sends(HALF, event({}, "content_filter"), DONE),
    "huge line": _sends(event({"content": "x" * 5_000_000}), STOP, DONE),
    "endless answer": _sends(*[event({"content": "x" * 50_000})] * 25, STOP, DONE),
    "flood of tool calls": _fails(
        Calls(tuple(call_delta(n, id_=f"c{n}", name="f", arguments="{}") for n in range(200))),
        ModelOutputUnusable,
    ),
    # ---- it is odd, and the answer is good
    "usage missing": _good(*FULL, STOP, DONE),
    "usage twice, the last one whole": _good(
        HALF, _used(3, 1), FULL[1], STOP, _used(11, 4), DONE, usage=Usage(11, 4)
    ),
    "usage negative": _good(*FULL, STOP, _used(-3, -1), DONE),
    "usage absurd": _good(*FULL, STOP, _used(10**12, 10**12), DONE),
    "no end mark": _good(*FULL, STOP),
    "words after the end mark": _misread(
        _good(*FULL, STOP, DONE, event({"content": " Really."})), "The disk is full. Really."
    ),
    "keep-alive comments": _good(
        b": ping\n\n", HALF, b": ping\n\n", FULL[1], b"\n\n", STOP, DONE
    ),
    "carriage returns": _good(*(part.replace(b"\n", b"\r\n") for part in (*FULL, STOP, DONE))),
    "torn into single bytes": _good(
        *(bytes([byte]) for part in (*FULL, STOP) for byte in part), DONE
    ),
    "chunks without choices": _good(chunk({"choices": []}), *FULL, chunk({}), STOP, DONE),
}  # fmt: skip
"""All of them; each is run over every client."""
