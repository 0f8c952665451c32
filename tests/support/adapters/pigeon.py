"""A fifth platform, whole and tiny, in memory: what `docs/adding-a-platform.md` walks through.

People write notes in a loft; pigeons carry them. In the product the adapter would be a folder
`adapters/pigeon/` with the usual file names; here each part says which file it would be.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from runtime.clock import Clock
from runtime.errors import Ambiguous, Malformed, Permanent, Refused, Retryable
from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import (
    Body,
    ButtonPress,
    ChannelChange,
    ChannelChanged,
    Command,
    FormSubmit,
    Ignored,
    Inbound,
    Message,
    Parsed,
    Unknown,
)
from runtime.model.files import FileRef, too_large
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.ports import ChatLimits, FetchesFiles
from runtime.text import split
from tests.support.adapters.harness import (
    FILE_BYTES,
    WAIT,
    Act,
    Harness,
    Kind,
    Payload,
    Seen,
    Trouble,
    bytes_of,
)

PIGEON = Platform("pigeon")
LIMIT = 2_000
"""Characters that a pigeon can carry."""


# ------------------------------------------------------------------ the fake: bot/selftest/pigeon/


@dataclass(slots=True)
class Note:
    """A note of the bot that hangs in a loft."""

    id: str
    loft: str
    ring: str
    text: str
    key: str = ""
    pecks: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    only_for: str = ""


class LoftSays(Exception):
    """The loft refuses.

    Attributes:
        word: why.
    """

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@dataclass(slots=True)
class Loft:
    """All the lofts, and the pigeons that fail."""

    notes: list[Note] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: list[tuple[Trouble, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    last: int = 0

    def call(self, what: str, **said: Any) -> str:
        """Carry something there: `hang`, `change` or `seek`; the note's id, or empty."""
        self.calls.append((what, said))
        fault = next((fault for fault in self.faults if fault[1] == what), None)
        if fault is not None:
            self.faults.remove(fault)
            if fault[0] is not Trouble.CUT_AFTER:
                raise LoftSays(fault[0].name)
        done = self._hang(said) if what == "hang" else self._known(what, said)
        if fault is not None:
            raise LoftSays(fault[0].name)
        return done

    def _hang(self, said: dict[str, Any]) -> str:
        if len(said["text"]) > LIMIT:
            raise LoftSays("TOO_HEAVY")
        self.last += 1
        self.notes.append(Note(f"n{self.last}", **said))
        return self.notes[-1].id

    def _known(self, what: str, said: dict[str, Any]) -> str:
        by = "id" if what == "change" else "key"
        found = [note for note in self.notes if getattr(note, by) == said[by]]
        if found and what == "change":
            found[0].text, found[0].pecks = said["text"], said["pecks"]
            found[0].key = said["key"]
        return found[0].id if found else ""


# ------------------------------------------------------------------------ adapters/pigeon/wire.py


class _Wing(msgspec.Struct, frozen=True):
    """What a pigeon brings: a kind, an id, and whatever belongs to that kind."""

    kind: str
    id: int
    at: float = 0.0
    loft: str = ""
    ring: str = ""
    sender: str = ""
    pigeon: bool = False
    text: str = ""
    copied: str = ""
    note: str = ""
    fields: dict[str, str] = {}
    parcel: str = ""


# --------------------------------------------------------------------- adapters/pigeon/inbound.py


def parse(brought: bytes) -> Parsed:
    """What a pigeon brings.

    Raises:
        Malformed: it is no note.
    """
    try:
        wing = msgspec.json.decode(brought, type=_Wing)
    except msgspec.DecodeError as error:
        raise Malformed(f"the note cannot be read: {error}") from error
    if wing.kind in {"rewritten", "burnt", "perched"} or wing.pigeon:
        return Ignored(reason=wing.kind)
    body = _body(wing)
    loft = wing.loft or (f"nest-{wing.sender}" if wing.kind == "whisper" else "")
    if not loft and not isinstance(body, Unknown):
        raise Malformed("the note has no loft")
    root = wing.ring or (f"n-{wing.id}" if wing.kind in {"note", "call"} else wing.note)
    return Inbound(
        event_key=str(wing.id),
        thread=ThreadRef(ChannelRef(PIGEON, "", loft), root),
        sender=Principal(PIGEON, "", wing.sender),
        body=body,
        sent_at=datetime.fromtimestamp(wing.at, UTC),
    )


def _body(wing: _Wing) -> Body:
    match wing.kind:
        case "note" | "call" | "whisper":
            parcel = FileRef(handle=wing.parcel, name=wing.parcel, media_type="text/csv")
            return Message(
                text=wing.text,
                message_id=MessageId(f"n-{wing.id}"),
                direct=wing.kind == "whisper",
                mentioned=wing.kind == "call",
                quoted=(wing.copied,) if wing.copied else (),
                files=(parcel,) if wing.parcel else (),
            )
        case "order":
            return Command(text=wing.text)
        case "peck":
            action, _, value = wing.text.partition(":")
            return ButtonPress(action=action, value=value, message_id=MessageId(wing.note))
        case "sheet":
            action, _, value = wing.text.partition(":")
            return FormSubmit(action=action, value=value, answers=tuple(wing.fields.items()))
        case "freed":
            return ChannelChanged(change=ChannelChange.BOT_REMOVED)
        case _:
            return Unknown(kind=wing.kind[:80])


# ---------------------------------------------------------------------- adapters/pigeon/render.py


def shown(text: str) -> str:
    """The text as pigeons read it: a hidden character keeps `@` from calling anybody."""
    return re.sub(r"[@!](?=\S)", lambda mark: f"{mark[0]}\u200b", text.strip())


def pieces(content: Content) -> tuple[Content, ...]:
    """The content in notes; buttons and files with the last."""
    *first, last = split(content.text, LIMIT, measure=lambda text: len(shown(text)))
    return (*map(Content, first), Content(last, content.buttons, content.files))


# ---------------------------------------------------------------------- adapters/pigeon/faults.py


def told(says: LoftSays) -> Exception:
    """What a refusal means."""
    match says.word:
        case Trouble.RATE.name:
            return Retryable("the pigeons rest", after=WAIT)
        case Trouble.REFUSED.name | "TOO_HEAVY":
            return Permanent(f"the loft is closed: open it, or choose another ({says.word})")
        case _:
            return Ambiguous("the pigeon did not come back")


# -------------------------------------------------------------------- adapters/pigeon/outbound.py


class PigeonChat:
    """The `ChatPort` of the lofts."""

    def __init__(self, loft: Loft, clock: Clock) -> None:
        self._loft = loft
        self._clock = clock

    @property
    def platform(self) -> Platform:
        return PIGEON

    @property
    def limits(self) -> ChatLimits:
        return ChatLimits(per_channel=10.0, overall=100.0, burst=10)

    def split(self, content: Content) -> tuple[Content, ...]:
        return pieces(content)

    async def send(self, item: OutboxItem) -> MessageId:
        pecks = [
            (button.label, f"{button.action}:{button.value}") for button in item.content.buttons
        ]
        text = shown(item.content.text)
        if item.draft is not None:
            changed = self._carry("change", id=item.draft, text=text, pecks=pecks, key=item.id)
            if changed:
                return MessageId(changed)
        files = [(file.name, await bytes_of(file)) for file in item.content.files]
        hung = self._carry(
            "hang",
            loft=item.thread.channel.channel,
            ring=item.thread.root,
            text=text,
            key=str(item.id),
            pecks=pecks,
            files=files,
            only_for=item.only_for.user if item.only_for else "",
        )
        return MessageId(hung)

    async def find(self, item: OutboxItem) -> MessageId | None:
        try:
            found = self._carry("seek", key=str(item.id))
        except Ambiguous as error:
            raise Retryable(str(error)) from error
        return MessageId(found) if found else None

    async def direct(self, who: Principal) -> ThreadRef:
        return ThreadRef(ChannelRef(PIGEON, "", f"nest-{who.user}"))

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Pigeons do not type."""

    async def begin_draft(
        self, thread: ThreadRef, *, requester: Principal, text: str
    ) -> MessageId | None:
        """A note grows by being changed; its first words are hung up without a key."""
        where = {"loft": thread.channel.channel, "ring": thread.root}
        try:
            return MessageId(self._carry("hang", text=shown(text)[:LIMIT], **where))
        except Ambiguous:  # it may hang there, and would grow no further
            return await self.find_draft(thread, since=self._clock.now())
        except (Retryable, Permanent):
            return None

    async def grow_draft(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        try:
            self._carry("change", id=draft, text=shown(text)[:LIMIT], pecks=[], key="")
        except (Retryable, Ambiguous, Permanent):
            return

    async def find_draft(self, thread: ThreadRef, *, since: datetime) -> MessageId | None:
        unkeyed = [note for note in self._loft.notes if not note.key and note.ring == thread.root]
        return MessageId(unkeyed[-1].id) if unkeyed else None

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        return [Finding(ok=True, what="the lofts: open")]

    async def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        parcel = self._loft.files.get(file.handle)
        if parcel is None:
            raise Permanent("the parcel is not there")
        if len(parcel) > most:
            raise Refused(too_large(file.name, most))
        yield parcel

    def _carry(self, what: str, **said: Any) -> str:
        try:
            return self._loft.call(what, **said)
        except LoftSays as says:
            raise told(says) from says


# --------------------------------------------------------------------------- the suite's harness


class PigeonHarness(Harness):
    platform: ClassVar[Platform] = PIGEON

    async def start(self) -> None:
        self.loft = Loft()
        self._number = 0
        await self.restart()

    async def stop(self) -> None:
        """Nothing is open."""

    async def restart(self) -> None:
        self._chat = PigeonChat(self.loft, self.clock)

    @property
    def chat(self) -> PigeonChat:
        return self._chat

    @property
    def files(self) -> FetchesFiles:
        return self._chat

    @property
    def channel(self) -> ThreadRef:
        return ThreadRef(ChannelRef(PIGEON, "", "tower"))

    @property
    def people(self) -> Sequence[Principal]:
        return Principal(PIGEON, "", "ada"), Principal(PIGEON, "", "bo")

    @property
    def secrets(self) -> Sequence[str]:
        return ()

    async def _payload(self, kind: Kind, text: str, thread: ThreadRef, user: str) -> Payload:
        made: dict[Kind, dict[str, Any]] = {
            Kind.MESSAGE: {"kind": "note"},
            Kind.MENTION: {"kind": "call"},
            Kind.THREAD_REPLY: {"kind": "note", "ring": thread.root},
            Kind.DIRECT: {"kind": "whisper", "loft": f"nest-{user}"},
            Kind.BARE: {"kind": "whisper"},
            Kind.COMMAND: {"kind": "order"},
            Kind.FORM: {
                "kind": "sheet",
                "text": "schedule.create:7",
                "fields": {"when": "the when"},
            },
            Kind.FILE: {"kind": "note", "parcel": "report.csv"},
            Kind.QUOTED: {"kind": "note", "text": "look", "copied": text},
            Kind.EDIT: {"kind": "rewritten"},
            Kind.DELETE: {"kind": "burnt"},
            Kind.JOIN: {"kind": "perched"},
            Kind.BOT_REMOVED: {"kind": "freed"},
            Kind.BOT: {"kind": "note", "pigeon": True},
            Kind.UNKNOWN: {"kind": "feather"},
        }
        self.loft.files["report.csv"] = FILE_BYTES
        loft = {} if kind is Kind.BARE else {"loft": self.channel.channel.channel}
        return self._brought({**loft, "text": text, "sender": user, **made[kind]})

    def _brought(self, said: Mapping[str, Any]) -> Payload:
        self._number += 1
        return Payload("wing", {"id": self._number, "at": self.clock.now().timestamp(), **said})

    async def press(self, seen: Seen, label: str, *, user: str = "") -> Payload:
        note = next(note for note in self.loft.notes if note.id == seen.id)
        where = {"loft": note.loft, "ring": note.ring, "note": note.id}
        return self._brought(
            {"kind": "peck", "text": dict(note.pecks)[label], "sender": user or "ada", **where}
        )

    async def take(self, payload: Payload) -> list[Parsed]:
        return [parse(msgspec.json.encode(payload.body))]

    def seen(self) -> list[Seen]:
        return [
            Seen(
                id=note.id,
                channel=note.loft,
                root=note.ring,
                text=note.text,
                buttons=tuple(label for label, _ in note.pecks),
                files=tuple(note.files),
                only_for=note.only_for or note.loft.partition("nest-")[2],
            )
            for note in self.loft.notes
        ]

    def growth(self) -> list[str]:
        return [
            said["text"] for what, said in self.loft.calls if what != "seek" and not said.get("key")
        ]

    def fail(self, trouble: Trouble, act: Act = Act.POST) -> None:
        changing = "change" if act in {Act.EDIT, Act.GROW} else "hang"
        self.loft.faults.append((trouble, "seek" if act is Act.LOOK else changing))

    def requests(self) -> list[tuple[str, Any]]:
        return self.loft.calls

    def changes(self) -> int:
        return sum(what != "seek" for what, _ in self.loft.calls)

    def breaches(self) -> list[str]:
        return [
            f"calls somebody: {said['text'][:80]!r}"
            for what, said in self.loft.calls
            if what != "seek" and re.search(r"@\w|!\[", said["text"])
        ]
