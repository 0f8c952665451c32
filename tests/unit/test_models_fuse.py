"""The no-spend fuse."""

import socket
import subprocess
import sys

import pytest

from adapters.models.factory import ModelConfig, build_model
from adapters.models.fuse import Fuse, is_loopback, loopback_socket
from runtime.errors import SpendingForbidden
from tests.support.clock import ManualClock
from tests.support.models import chunks_of, request

HERE = [
    "http://127.0.0.1:8080/v1",
    "http://localhost:11434",
    "https://127.9.9.9/v1",
    "http://[::1]:8080/v1",
]
ELSEWHERE = [
    None,
    "",
    "https://api.openai.com/v1",
    "http://10.0.0.5:8080/v1",
    "http://192.168.1.1/v1",
    "http://127.0.0.1@api.openai.com/v1",
    "http://api.openai.com\\@127.0.0.1/v1",
    "http://127.0.0.1.example.com/v1",
    "http://localhost.example.com/v1",
    "http://[::ffff:8.8.8.8]/v1",
    "http://0x7f.1/v1",
    "http://2130706433/v1",
    "http://127.0.0.1 .example.com/v1",
    "ftp://127.0.0.1/v1",
    "127.0.0.1:8080",
    "http://[::1/v1",
]


@pytest.mark.parametrize("url", HERE)
def test_an_address_of_this_machine_may_be_called(url: str) -> None:
    assert is_loopback(url)
    Fuse(allow_spending=False).check("openai/m", url)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_any_other_address_blows_the_fuse(url: str | None) -> None:
    assert not is_loopback(url)
    with pytest.raises(SpendingForbidden, match="nothing was sent"):
        Fuse(allow_spending=False).check("openai/m", url)


@pytest.mark.parametrize("url", [*HERE, *ELSEWHERE])
def test_where_spending_is_allowed_the_fuse_lets_everything_through(url: str | None) -> None:
    Fuse(allow_spending=True).check("openai/m", url)


async def test_a_model_off_this_machine_is_not_called(clock: ManualClock) -> None:
    config = ModelConfig(name="gpt", model="openai/gpt-4.1-mini", api_key="sk-made-up")
    model = build_model(config, clock=clock, allow_spending=False)
    with pytest.raises(SpendingForbidden):
        await chunks_of(model, request("hello"))


def test_the_fuse_blows_before_anything_is_imported() -> None:
    program = """
import asyncio, sys
from adapters.models.factory import ModelConfig, build_model
from runtime.clock import SystemClock
from runtime.errors import SpendingForbidden
from tests.support.models import chunks_of, request
model = build_model(ModelConfig(name="m", model="anthropic/claude"), clock=SystemClock(),
                    allow_spending=False)
try:
    asyncio.run(chunks_of(model, request("hello")))
except SpendingForbidden:
    print("blown", "litellm" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["blown", "False"]


def test_a_connection_off_this_machine_is_refused_when_it_is_made() -> None:
    stranger = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))
    with pytest.raises(SpendingForbidden):
        loopback_socket(stranger)


def test_a_connection_to_this_machine_is_made() -> None:
    with loopback_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))) as made:
        assert made.family == socket.AF_INET
