"""What people chose of models: `runtime.ports.ModelBook`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import decoder, encode, micros, moment, plain
from adapters.sql.database import Database
from adapters.sql.schema_models import model_choices, model_explanations, model_outages
from adapters.sql.transaction import Params, Row, Transaction, Value
from adapters.sql.upsert import insert
from runtime.ids import AgentName, ModelName
from runtime.model.address import Principal, ThreadRef
from runtime.model.choice import Chosen, Explanation, Outage, Purse
from runtime.ports import ChoiceScope

KEPT = timedelta(days=30)
"""How long it is kept why a model was asked."""

_CHOOSE = insert(model_choices).values(
    {column.name: bindparam(column.name) for column in model_choices.c}
)
_CHOOSE = _CHOOSE.on_conflict_do_update(
    index_elements=[model_choices.c.kind, model_choices.c.key],
    set_={name: _CHOOSE.excluded[name] for name in ("model", "by", "chosen_at")},
)
_this = sa.and_(model_choices.c.kind == bindparam("kind"), model_choices.c.key == bindparam("key"))
_FORGET = sa.delete(model_choices).where(_this)
_CHOSEN = sa.select(model_choices.c.model, model_choices.c.by, model_choices.c.chosen_at).where(
    _this
)

_EVERY = sa.select(
    model_choices.c.kind,
    model_choices.c.key,
    model_choices.c.model,
    model_choices.c.by,
    model_choices.c.chosen_at,
)

_EXPLAIN = insert(model_explanations).values(
    {column.name: bindparam(column.name) for column in model_explanations.c}
)
_THREAD = ("platform", "workspace", "channel", "root")
_EXPLAIN = _EXPLAIN.on_conflict_do_update(
    index_elements=[model_explanations.c[name] for name in _THREAD],
    set_={name: _EXPLAIN.excluded[name] for name in ("body", "explained_at")},
)
_FORGET_OLD = sa.delete(model_explanations).where(
    model_explanations.c.explained_at < bindparam("before", type_=sa.BigInteger)
)
_EXPLANATION = sa.select(model_explanations.c.body).where(
    *(model_explanations.c[name] == bindparam(name) for name in _THREAD)
)

_TAKE_OUT = (
    insert(model_outages)
    .values({column.name: bindparam(column.name) for column in model_outages.c})
    .on_conflict_do_nothing()
)
_PUT_BACK = sa.delete(model_outages).where(model_outages.c.provider == bindparam("provider"))
_OUTAGES = sa.select(*model_outages.c).order_by(
    model_outages.c.since, model_outages.c.provider, model_outages.c.credential
)

_read_explanation = decoder(Explanation)
_read_principal = decoder(Principal)
_READ_SCOPE: Mapping[str, Callable[[str], ChoiceScope]] = {
    "thread": decoder(ThreadRef),
    "person": _read_principal,
    "purse": decoder(Purse),
    "agent": lambda key: AgentName(decoder(str)(key)),
}


def choose(transaction: Transaction, chosen: Chosen) -> None:
    """Remember a choice, as a part of the transaction."""
    values: dict[str, Value] = {
        **_key(chosen.scope),
        "model": chosen.model,
        "by": encode(chosen.by),
        "chosen_at": micros(chosen.at),
    }
    transaction.run(_CHOOSE, values)


class SqlModelBook:
    """What people chose of models, in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def choose(self, chosen: Chosen) -> None:
        """Remember a choice: see the port."""
        await self._database.write(lambda transaction: choose(transaction, chosen))

    async def forget(self, scope: ChoiceScope) -> bool:
        """Forget a choice: see the port."""
        return await self._database.write(lambda t: t.run(_FORGET, _key(scope))) == 1

    async def chosen(self, scopes: Sequence[ChoiceScope]) -> list[Chosen]:
        """The choices for those: see the port."""

        def work(transaction: Transaction) -> list[Chosen]:
            rows = [(scope, transaction.one(_CHOSEN, _key(scope))) for scope in scopes]
            return [_chosen(scope, row) for scope, row in rows if row is not None]

        return await self._database.read(work)

    async def every(self) -> list[Chosen]:
        """Every choice: see the port."""
        rows = await self._database.scan(lambda t: t.all(_EVERY))
        return [_chosen(_READ_SCOPE[row[0]](row[1]), row[2:]) for row in rows]

    async def explain(self, thread: ThreadRef, explanation: Explanation) -> None:
        """Remember why a model answered: see the port."""
        values: dict[str, Value] = {
            **_place(thread),
            "body": plain(encode(explanation)),
            "explained_at": micros(explanation.at),
        }
        old: Params = {"before": micros(explanation.at - KEPT)}

        def work(transaction: Transaction) -> None:
            transaction.run(_EXPLAIN, values)
            transaction.run(_FORGET_OLD, old)

        await self._database.write(work)

    async def explanation(self, thread: ThreadRef) -> Explanation | None:
        """Why a model answered: see the port."""
        row = await self._database.read(lambda t: t.one(_EXPLANATION, _place(thread)))
        return None if row is None else _read_explanation(row[0])

    async def take_out(self, outage: Outage) -> bool:
        """Remember an outage: see the port."""
        values: dict[str, Value] = {
            "provider": outage.provider,
            "credential": outage.credential,
            "why": plain(outage.why),
            "since": micros(outage.since),
        }
        return await self._database.write(lambda t: t.run(_TAKE_OUT, values)) == 1

    async def put_back(self, provider: str) -> bool:
        """Forget the provider's outages: see the port."""
        return await self._database.write(lambda t: t.run(_PUT_BACK, {"provider": provider})) > 0

    async def outages(self) -> list[Outage]:
        """Every outage: see the port."""
        rows = await self._database.read(lambda t: t.all(_OUTAGES))
        return [
            Outage(provider=row[0], credential=row[1], why=row[2], since=moment(row[3]))
            for row in rows
        ]


def _key(scope: ChoiceScope) -> dict[str, Value]:
    match scope:
        case ThreadRef():
            return {"kind": "thread", "key": encode(scope)}
        case Principal():
            return {"kind": "person", "key": encode(scope)}
        case Purse():
            return {"kind": "purse", "key": encode(scope)}
        case _:
            return {"kind": "agent", "key": encode(scope)}


def _place(thread: ThreadRef) -> dict[str, Value]:
    channel = thread.channel
    values = (channel.platform, channel.workspace, channel.channel, thread.root)
    return dict(zip(_THREAD, values, strict=True))


def _chosen(scope: ChoiceScope, row: Row) -> Chosen:
    return Chosen(
        scope=scope, model=ModelName(row[0]), by=_read_principal(row[1]), at=moment(row[2])
    )
