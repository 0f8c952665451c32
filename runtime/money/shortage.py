"""What is said where a call does not fit into a limit. Pure."""

from runtime.model.meter import Short
from runtime.money.amounts import decimals_for, in_decimals
from runtime.money.spenders import when_of


def lacking(short: Short, who: str, currency: str, *, call: str = "this call") -> tuple[str, str]:
    """That the call does not fit, in a few words, and the amounts that show why.

    They have as many decimals as it takes to see that. `call` is how the call is named.
    """
    balance, limit, meter = short.balance, short.bound.limit, short.bound.meter
    decimals = decimals_for(balance.spent, balance.held, short.left, short.wanted, limit=limit)
    spent, held = in_decimals(balance.spent, decimals), in_decimals(balance.held, decimals)
    left = in_decimals(short.left, decimals, up=False)
    wanted = in_decimals(short.wanted, decimals, up=True)
    most = in_decimals(limit, decimals)
    taken = f"{spent} of {most} {currency} {when_of(meter.scope, meter.period)} spent"
    if balance.held:
        taken += f", {held} held for calls under way"
    if not limit:
        when = when_of(meter.scope, meter.period)
        needs = f"{call} may cost up to {wanted} {currency}"
        return f"Nothing may be spent for {who}", f"the limit is 0 {currency} {when}, and {needs}."
    if not short.left:
        needs = f"{call} may cost up to {wanted} {currency}"
        return f"The budget for {who} is used up", f"{taken}, and {needs}."
    needs = f"{left} {currency} is left, and it may cost up to {wanted} {currency}"
    return f"The budget for {who} does not leave room for {call}", f"{taken}, {needs}."
