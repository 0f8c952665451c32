"""The checks of `tests.proof.llama` where a real llama.cpp server is installed, by our own client.

`make prove` runs them through LiteLLM too, which takes as long again.
"""

from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.proof.llama import CHECKS, Llama, llama, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture(scope="module")
def server() -> Iterator[Llama]:
    with llama() as running:
        yield running


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_real_server_keeps_the_promise(
    check: Callable[[Llama], Awaitable[None]], server: Llama
) -> None:
    await check(server)
