"""E-mail against a real SMTP server: what arrives, and what each refusal becomes."""

import base64
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from adapters.email import render
from adapters.email.outbound import EMAIL, EmailChat, SmtpServer
from runtime.errors import Ambiguous, Permanent, Retryable
from runtime.ids import FileId
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.files import OutFile
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from tests.support.clock import ManualClock
from tests.support.smtp import Certificate, MailBox, mail_server
from tests.support.stores import Rows

OPS = ThreadRef(ChannelRef(EMAIL, "", "ops@example.org"))
CHART = OutFile(id=FileId("chart"), name="chart.png", media_type="image/png", size=4)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    began = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=365 * 100))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    trusts = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    return Certificate(serves, trusts)


@pytest.fixture
def box() -> MailBox:
    return MailBox()


@pytest.fixture
async def server(box: MailBox) -> AsyncIterator[SmtpServer]:
    async with mail_server(box) as found:
        yield found


async def picture(_file: OutFile) -> bytes:
    return b"\x89PNG"


def chat_of(
    server: SmtpServer, clock: ManualClock, certificate: Certificate | None = None
) -> EmailChat:
    trusts = certificate.trusts if certificate else None
    return EmailChat(server, clock=clock, read=picture, tls_context=trusts)


def item(rows: Rows, text: str = "**All** is well.", *, thread: ThreadRef = OPS) -> OutboxItem:
    return replace(rows.item(text, thread=thread, key="row1"))


async def test_a_message_arrives_with_words_and_markup(
    server: SmtpServer, box: MailBox, clock: ManualClock, rows: Rows
) -> None:
    message_id = await chat_of(server, clock).send(item(rows))

    (message,) = box.messages
    assert message_id == message["Message-ID"] == "<row1@example.org>"
    assert message["To"] == "ops@example.org"
    assert message["From"] == "Nightdesk <desk@example.org>"
    assert message["Subject"] == "All is well."
    assert message["Auto-Submitted"] == "auto-generated"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "**All** is well."
    assert "<b>All</b> is well." in html.get_content()


async def test_a_follow_up_belongs_to_its_thread(
    server: SmtpServer, box: MailBox, clock: ManualClock, rows: Rows
) -> None:
    chat = chat_of(server, clock)
    first = await chat.send(item(rows))
    await chat.send(item(rows, thread=OPS.under(first)))

    assert box.messages[1]["In-Reply-To"] == first
    assert box.messages[1]["References"] == first


async def test_a_file_goes_with_it(
    server: SmtpServer, box: MailBox, clock: ManualClock, rows: Rows
) -> None:
    await chat_of(server, clock).send(replace(item(rows), content=Content("see", (), (CHART,))))

    (attached,) = box.messages[0].iter_attachments()
    assert attached.get_filename() == "chart.png"
    assert attached.get_content_type() == "image/png"
    assert attached.get_payload(decode=True) == b"\x89PNG"


async def test_words_cannot_become_headers(
    server: SmtpServer, box: MailBox, clock: ManualClock, rows: Rows
) -> None:
    await chat_of(server, clock).send(item(rows, "Hello\r\nBcc: eve@example.org\r\n\r\nbody"))

    (message,) = box.messages
    assert message["Bcc"] is None
    assert message["To"] == "ops@example.org"


@pytest.mark.parametrize(
    ("answer", "error"),
    [("451 try later", Retryable), ("554 spam", Permanent), ("452 full", Retryable)],
)
async def test_what_the_server_answers_decides(
    server: SmtpServer,
    box: MailBox,
    clock: ManualClock,
    rows: Rows,
    answer: str,
    error: type[Exception],
) -> None:
    box.answers = [answer]
    chat = chat_of(server, clock)
    with pytest.raises(error, match=answer[:3]):
        await chat.send(item(rows))

    await chat.send(item(rows))
    assert len(box.messages) == 1


@pytest.mark.parametrize(
    ("answer", "error"), [("450 greylisted", Retryable), ("550 no such user", Permanent)]
)
async def test_an_address_that_is_not_taken(
    server: SmtpServer,
    box: MailBox,
    clock: ManualClock,
    rows: Rows,
    answer: str,
    error: type[Exception],
) -> None:
    box.refuses = answer
    with pytest.raises(error, match=r"ops@example\.org"):
        await chat_of(server, clock).send(item(rows))


async def test_a_line_that_breaks_after_the_message_is_ambiguous_and_a_copy_is_the_same_message(
    server: SmtpServer, box: MailBox, clock: ManualClock, rows: Rows
) -> None:
    box.cuts = True
    chat = chat_of(server, clock)
    with pytest.raises(Ambiguous):
        await chat.send(item(rows))
    box.cuts = False

    assert await chat.find(item(rows)) is None
    await chat.send(item(rows))
    assert {message["Message-ID"] for message in box.messages} == {"<row1@example.org>"}


async def test_a_wrong_password_is_said_and_never_shown(
    box: MailBox,
    clock: ManualClock,
    rows: Rows,
    certificate: Certificate,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with mail_server(box, password="right-secret", certificate=certificate) as server:
        await chat_of(server, clock, certificate).send(item(rows))
        wrong = replace(server, password="wrong-secret")
        with caplog.at_level(logging.DEBUG), pytest.raises(Permanent, match="password") as caught:
            await chat_of(wrong, clock, certificate).send(item(rows))
        (finding,) = await chat_of(wrong, clock, certificate).probe()
    shown = f"{caught.value} {wrong!r} {finding} {caplog.text}"
    assert not finding.ok
    assert "wrong-secret" not in shown
    assert base64.b64encode(b"wrong-secret").decode() not in shown
    assert len(box.messages) == 1


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    box: MailBox, clock: ManualClock, rows: Rows, certificate: Certificate
) -> None:
    async with mail_server(box, password="right-secret", certificate=certificate) as server:
        with pytest.raises((Retryable, Permanent)):
            await chat_of(server, clock).send(item(rows))
    assert box.messages == []


async def test_a_server_that_is_not_there_is_tried_again(clock: ManualClock, rows: Rows) -> None:
    async with mail_server(MailBox()) as server:
        pass
    with pytest.raises(Retryable, match="cannot be reached"):
        await chat_of(server, clock).send(item(rows))


async def test_a_line_that_must_be_encrypted_and_cannot_be_is_not_used(
    server: SmtpServer, box: MailBox, clock: ManualClock, rows: Rows
) -> None:
    with pytest.raises(Permanent):
        await chat_of(replace(server, tls="starttls"), clock).send(item(rows))
    with pytest.raises((Retryable, Permanent, Ambiguous)):
        await EmailChat(
            replace(server, tls="implicit"),
            clock=clock,
            read=picture,
            tls_context=ssl.create_default_context(),
        ).send(item(rows))
    assert box.messages == []


async def test_the_probe_sends_nothing(
    server: SmtpServer, box: MailBox, clock: ManualClock
) -> None:
    findings = await chat_of(server, clock).probe(OPS.channel)

    assert [finding.ok for finding in findings] == [True, True]
    assert box.messages == []


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<script>x</script>", "&lt;script&gt;"),
        ("![beacon](https://evil.example/x.png)", "(<a href="),
        ("[pay](javascript:alert(1))", "pay"),
        ("[bank](https://evil.example)", 'bank (<a href="https://evil.example"'),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "<td>1</td>"),
        ("```\na < b\n```", "<pre><code>a &lt; b"),
        ("1. one\n2. two", '<ol start="1"><li>'),
    ],
)
def test_html_holds_only_what_we_write(text: str, html: str) -> None:
    shown = render.html(text)
    assert html in shown
    assert "<img" not in shown
    assert "<script" not in shown
    assert 'href="javascript' not in shown


def test_a_subject_is_one_short_line() -> None:
    assert render.subject("# Morning *briefing*\n\nmore") == "Morning briefing"
    assert render.subject("---\n\nfirst words\nand more") == "first words and more"
    assert len(render.subject("word " * 100)) == render.SUBJECT_LIMIT
    assert render.subject("") == ""
