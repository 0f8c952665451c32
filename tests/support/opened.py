"""A model of a server, ready to be asked, and closed however the test ends."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from adapters.models.factory import ModelConfig, OpenModel, build_model
from adapters.models.litellm import LiteLLMModel
from tests.support.clock import ManualClock


@asynccontextmanager
async def opened(config: ModelConfig, clock: ManualClock) -> AsyncIterator[OpenModel]:
    """The model that the configuration means, which may not leave this machine.

    LiteLLM is brought in here: that takes half a minute where the machine is busy, and is no part
    of what a test waits for.
    """
    async with aclosing(build_model(config, clock=clock, allow_spending=False)) as model:
        if isinstance(model, LiteLLMModel):
            await model.warm_up()
        yield model
