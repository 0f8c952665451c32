"""What a choice of the router costs: ten models, twenty sets of words, a conversation's length."""

import time

from adapters.models.catalogue import describe
from adapters.models.factory import ModelConfig
from runtime.ids import AgentName, ModelName
from runtime.model.choice import Known, Need, Phase, Preference, Signal
from runtime.model.team import Agent
from runtime.routing.router import route

MODELS = 10
_TIMES = 2_000


def choosing() -> float:
    """Seconds of CPU for one choice, the middle of three."""
    names = [ModelName(f"m{number}") for number in range(MODELS)]
    infos = [describe(ModelConfig(name=name, model="openai/gpt-4.1-mini")) for name in names]
    catalogue = {
        info.name: Known(info=info, latency=float(place)) for place, info in enumerate(infos)
    }
    agent = Agent(
        name=AgentName("desk"),
        model=names[0],
        instructions="",
        models=tuple(names[1:]),
        prefer=Preference.COST,
    )
    signals = [
        Signal(words=(f"word{number}", f"phrase {number}"), model=names[number % MODELS])
        for number in range(20)
    ]
    text = "The nightly backup of the orders database took longer than last week. " * 10
    need = Need(phase=Phase.CHAT, text=text, prompt_tokens=4_000, answer_tokens=2_048, tools=True)
    spent = []
    for _ in range(3):
        began = time.process_time()
        for _ in range(_TIMES):
            route(agent, signals, (), catalogue, need)
        spent.append((time.process_time() - began) / _TIMES)
    return sorted(spent)[1]
