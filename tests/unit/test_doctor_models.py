"""How `nightdesk doctor` tests the key of each provider: what it asks, and how it reads the answer."""

import ast
import importlib.util
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from adapters.models.providers import known_providers
from bot.configuration.providerkeys import PROVIDER_KEYS
from bot.configuration.values import Secret
from bot.diagnosis import Diagnosis, State
from bot.doctor.freecalls import FREE_CALLS, NO_FREE_CALL, FreeCall, KeyIn
from bot.doctor.keycheck import KeyVerdict, read
from bot.doctor.modelcheck import look_at
from bot.doctor.reach import Answer
from bot.settings import ModelSettings
from runtime.ids import ModelName

GOOD = "canary-good-key"
LIST = {"object": "list", "data": [{"id": "m", "object": "model"}]}
GOOGLE = {
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [{"reason": "API_KEY_INVALID"}],
    }
}
XAI = {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: ca***"}
TAKEN: Mapping[str, object] = {
    "anthropic": {"data": [{"type": "model", "id": "claude"}], "has_more": False},
    "cohere": {"models": [{"name": "command"}], "next_page_token": ""},
    "cohere_chat": {"models": [{"name": "command"}]},
    "gemini": {"models": [{"name": "models/gemini-2.5-flash"}]},
    "huggingface": {"type": "user", "name": "ann"},
    "openrouter": {"data": {"label": "sk-or-v1-ab...cd", "usage": 0}},
    "replicate": {"type": "organization", "username": "acme"},
    "together_ai": [{"id": "m", "object": "model"}],
    "vercel_ai_gateway": {"balance": "95.50", "total_used": "4.50"},
}
"""What a provider says to a key that it takes, where that is not OpenAI's list."""
REFUSED: Mapping[str, tuple[int, object]] = {
    "anthropic": (401, {"type": "error", "error": {"message": "invalid x-api-key"}}),
    "cohere": (498, {"message": "invalid api token"}),
    "gemini": (400, GOOGLE),
    "groq": (403, {"error": {"message": "Forbidden"}}),
    "minimax": (200, {"error": {"message": "invalid api key"}}),
    "xai": (400, XAI),
}
"""What it says to one that it does not take, where that is not a plain 401."""
HEADERS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
OPEN = frozenset({"deepinfra", "nvidia_nim"})
"""Whose lists are open to everybody."""


@dataclass
class Providers:
    """A server that stands for all of them, each in a folder of its own."""

    url: str = ""
    asked: list[web.Request] = field(default_factory=list)

    def calls(self) -> dict[str, FreeCall]:
        """Where doctor asks here what it asks there."""
        return {
            name: replace(call, url=f"{self.url}/{name}{urlsplit(call.url).path}")
            for name, call in FREE_CALLS.items()
        }

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        name = request.path.split("/")[1]
        said = request.headers.get(HEADERS.get(name, "Authorization"), "")
        if name in OPEN or said.removeprefix("Bearer ") == GOOD:
            return web.json_response(TAKEN.get(name, LIST))
        status, body = REFUSED.get(name, (401, {"error": {"message": "no", "code": "no_key"}}))
        return web.json_response(body, status=status)


@asynccontextmanager
async def providers() -> AsyncIterator[Providers]:
    world = Providers()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", world.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        world.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield world
    finally:
        await runner.cleanup()


def model(name: str, key: str) -> ModelSettings:
    return ModelSettings(
        name=ModelName("fast"), model=name, api_key=Secret(key), unpriced_allowed=True
    )


async def look(world: Providers, name: str, key: str) -> Diagnosis:
    calls = world.calls()
    return await look_at(model(f"{name}/m", key), no_spend=False, currency="USD", calls=calls)


async def test_each_provider_is_asked_for_what_is_free_and_its_answer_is_understood() -> None:
    local = {"ollama", "ollama_chat"}  # they take no key, and are not told of a model `m`
    async with providers() as world:
        for name in sorted(FREE_CALLS.keys() - local):
            world.asked.clear()
            good = await look(world, name, GOOD)
            assert (name, good.state) == (name, State.OK)
            assert ("not tested" in good.found) is (name in OPEN), good.found
            for request in world.asked:
                assert (request.method, request.query_string) == ("GET", ""), name
                assert request.path.removeprefix(f"/{name}") == urlsplit(FREE_CALLS[name].url).path
                assert not await request.read(), "nothing that could be billed is sent"
            with_key = world.asked[0].headers[HEADERS.get(name, "Authorization")]
            assert with_key in (GOOD, f"Bearer {GOOD}"), name
            assert GOOD not in str(world.asked[1].headers), "once more, without the key"
            bad = await look(world, name, "canary-bad-key")
            if name not in OPEN:
                assert bad.state is State.WRONG, name
                assert bad.found.startswith("fast: the key is not accepted (status "), bad.found
                assert "canary" not in bad.found
            version = "2023-06-01" if name == "anthropic" else None
            assert {asked.headers.get("anthropic-version") for asked in world.asked} == {version}


def litellm_file(*parts: str) -> Path:
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0], *parts)


def test_every_provider_of_litellm_s_that_speaks_openai_s_form_is_in_the_table() -> None:
    """A provider that comes with a newer LiteLLM shows here, not in silence as "not asked"."""
    tree = ast.parse(litellm_file("constants.py").read_text())
    lists = {
        node.target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "openai_compatible_providers"
        and node.value is not None
    }
    more = json.loads(litellm_file("llms", "openai_like", "providers.json").read_text())
    compatible = {*lists["openai_compatible_providers"], *more} & known_providers()
    assert len(compatible) > 80
    assert compatible - FREE_CALLS.keys() - NO_FREE_CALL.keys() == set()
    for name, entry in more.items():
        assert FREE_CALLS[name].url == f"{entry['base_url'].rstrip('/')}/models"
        assert PROVIDER_KEYS[name] == (entry["api_key_env"],)


def test_the_table_has_only_providers_that_there_are_and_each_once() -> None:
    assert {*FREE_CALLS, *NO_FREE_CALL} <= known_providers()
    assert not FREE_CALLS.keys() & NO_FREE_CALL.keys()
    assert PROVIDER_KEYS.keys() <= FREE_CALLS.keys(), "what takes one key can be asked about it"
    for name, call in FREE_CALLS.items():
        local = name.startswith("ollama")
        assert urlsplit(call.url).scheme == ("http" if local else "https"), name
        assert urlsplit(call.url).query == "", name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("azure/m", "not asked (its address is another one for each customer)"),
        ("bedrock/m", "not asked (its requests are signed with more than one key)"),
        ("petals/m", "not asked (no free question of it is known)"),
    ],
)
async def test_what_has_no_free_question_is_said_so_in_words(name: str, why: str) -> None:
    found = await look_at(model(name, GOOD), no_spend=False, currency="USD")
    assert (found.state, found.found) == (State.OK, f"fast: {name}, {why}")


async def test_a_key_that_litellm_alone_can_find_is_not_called_a_bad_one() -> None:
    """As `ANTHROPIC_AUTH_TOKEN`, or the variable of a provider that is not in our list."""
    bare = replace(model("anthropic/m", GOOD), api_key=None)
    async with providers() as world:
        found = await look_at(bare, no_spend=False, currency="USD", calls=world.calls())
        assert (found.state, world.asked) == (State.OK, [])
    assert found.found == "fast: anthropic/m, not asked (LiteLLM alone knows its key)"
    assert found.todo == "To have it tested: set NIGHTDESK_MODELS__FAST__API_KEY."


LISTS = FreeCall(url="https://x.example/v1/models")
ACCOUNT = FreeCall(url="https://x.example/me", key_in=KeyIn.API_KEY, shows="name")


@pytest.mark.parametrize(
    ("call", "status", "body", "verdict"),
    [
        (LISTS, 200, LIST, KeyVerdict.GOOD),
        (LISTS, 200, {"data": []}, KeyVerdict.GOOD),
        (LISTS, 206, {"models": [{"name": "m"}]}, KeyVerdict.GOOD),
        (LISTS, 200, [{"id": "m"}], KeyVerdict.GOOD),
        (LISTS, 200, {}, KeyVerdict.UNCLEAR),
        (LISTS, 200, ["m"], KeyVerdict.UNCLEAR),
        (LISTS, 200, {"data": {"id": "m"}}, KeyVerdict.UNCLEAR),
        (LISTS, 200, {"data": [{"size": 5}]}, KeyVerdict.UNCLEAR),
        (LISTS, 200, b"<html>Sign in", KeyVerdict.UNCLEAR),
        (LISTS, 200, b"", KeyVerdict.UNCLEAR),
        (LISTS, 200, b"[" * 100_000, KeyVerdict.UNCLEAR),
        (LISTS, 200, {"error": {"message": "Invalid API key"}, "data": []}, KeyVerdict.REFUSED),
        (LISTS, 200, {"error": {"message": "try later"}, "data": []}, KeyVerdict.UNCLEAR),
        (LISTS, 204, b"", KeyVerdict.UNCLEAR),
        (LISTS, 302, b"", KeyVerdict.UNCLEAR),
        (LISTS, 400, GOOGLE, KeyVerdict.REFUSED),
        (LISTS, 400, XAI, KeyVerdict.REFUSED),
        (LISTS, 400, {"error": {"message": "bad page size"}}, KeyVerdict.UNCLEAR),
        (LISTS, 401, b"", KeyVerdict.REFUSED),
        (LISTS, 402, {"error": "pay"}, KeyVerdict.NO_CREDIT),
        (LISTS, 403, {"error": {"message": "Forbidden"}}, KeyVerdict.REFUSED),
        (LISTS, 403, {"error": {"message": "Missing scopes: api.model.read"}}, KeyVerdict.UNCLEAR),
        (LISTS, 404, {"detail": "Not Found"}, KeyVerdict.UNCLEAR),
        (LISTS, 422, {"detail": "API key is invalid"}, KeyVerdict.REFUSED),
        (LISTS, 429, {"error": {"message": "slow down"}}, KeyVerdict.UNCLEAR),
        (LISTS, 498, {"message": "gone"}, KeyVerdict.REFUSED),
        (LISTS, 500, LIST, KeyVerdict.UNREACHED),
        (LISTS, None, b"", KeyVerdict.UNREACHED),
        (ACCOUNT, 200, {"name": "ann"}, KeyVerdict.GOOD),
        (ACCOUNT, 200, LIST, KeyVerdict.UNCLEAR),
        (ACCOUNT, 200, {"name": "ann", "error": "expired"}, KeyVerdict.UNCLEAR),
        (ACCOUNT, 200, {"name": None}, KeyVerdict.UNCLEAR),
    ],
)
def test_an_answer_is_good_only_where_it_has_what_was_asked_for(
    call: FreeCall, status: int | None, body: object, verdict: KeyVerdict
) -> None:
    said = body if isinstance(body, bytes) else json.dumps(body).encode()
    reading = read(call, Answer(status, "refused by the wall", said), GOOD)
    assert reading.verdict is verdict
    if verdict is not KeyVerdict.GOOD:
        assert str(status or "the wall") in reading.said, "what came is said"


def test_what_came_is_quoted_without_the_key_and_not_for_ever() -> None:
    said = json.dumps({"message": f"what is {GOOD}? " + "x" * 5_000}).encode()
    reading = read(LISTS, Answer(404, said=said), GOOD)
    assert reading.said.startswith("status 404: what is ***? xxx")
    assert len(reading.said) < 200


async def test_an_unclear_answer_of_a_provider_is_neither_good_nor_wrong() -> None:
    async with providers() as world:
        calls = {"mistral": FreeCall(url=f"{world.url}/xai/v1/gone", shows="nothing")}
        found = await look_at(model("mistral/m", GOOD), no_spend=False, currency="USD", calls=calls)
    assert found.state is State.MISSING
    assert found.found.startswith("fast: it is not clear whether the key is good (status 200: ")
    assert "/model list" in found.todo
