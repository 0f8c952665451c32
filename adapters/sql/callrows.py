"""Calls of models as rows: what was reserved, and what became of it."""

import msgspec

from adapters.sql.codec import decoder, encode, micros, moment
from adapters.sql.transaction import Row, Value
from runtime.ids import HoldId, ModelName
from runtime.model.completion import Usage
from runtime.model.ledger import Call, CallState, Spender
from runtime.model.meter import DOLLARS, Meter, Period, Scope


class _Reserved(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was reserved, and for whom. It never changes."""

    spender: Spender
    model: ModelName
    meters: tuple[tuple[Scope, str, Period, str], ...]
    currency: str = DOLLARS


class _Outcome(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of it."""

    usage: Usage
    note: str = ""


_reserved = decoder(_Reserved)
_outcome = decoder(_Outcome)


def outcome_of(call: Call) -> str:
    """What became of the call, as the table keeps it."""
    return encode(_Outcome(usage=call.usage, note=call.note))


def row_of(call: Call) -> dict[str, Value]:
    """The call as the table keeps it."""
    body = _Reserved(
        spender=call.spender,
        model=call.model,
        meters=tuple((m.scope, m.subject, m.period, m.stamp) for m in call.meters),
        currency=call.currency,
    )
    return {
        "id": call.id,
        "state": call.state.value,
        "worst": call.worst,
        "spent": call.spent,
        "at": micros(call.at),
        "expires_at": micros(call.expires_at),
        "body": encode(body),
        "outcome": outcome_of(call),
        "currency": call.currency,
    }


def call_of(row: Row) -> Call:
    """The call of a row with every column."""
    this, state, worst, spent, at, expires_at, body, outcome, _ = row
    what, became = _reserved(body), _outcome(outcome)
    return Call(
        id=HoldId(this),
        spender=what.spender,
        model=what.model,
        at=moment(at),
        expires_at=moment(expires_at),
        worst=worst,
        meters=tuple(
            Meter(scope=scope, subject=subject, period=period, stamp=stamp, currency=what.currency)
            for scope, subject, period, stamp in what.meters
        ),
        state=CallState(state),
        spent=spent,
        usage=became.usage,
        note=became.note,
    )
