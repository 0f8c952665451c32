"""The bot's token is part of every address of the Bot API; it stands in no log and in no error."""

import logging
from pathlib import Path

import pytest

from bot.redaction import HIDDEN, redact
from tests.support.fake_telegram import SECRET, TOKEN, Fault
from tests.support.telegram_program import running_program


@pytest.mark.parametrize("token", ["123456789:" + "A" * 35, "7000000001:AAE-_" + "x" * 30])
def test_a_token_in_an_address_is_taken_out_by_its_shape(token: str) -> None:
    said = redact(f"GET https://api.telegram.org/bot{token}/getMe and {token}.")
    assert token not in said
    assert said.count(HIDDEN) == 2


@pytest.mark.parametrize("kinds", [("status", "garbage"), ("lost_request", "lost_answer")])
@pytest.mark.parametrize("by_webhook", [False, True])
async def test_no_line_of_the_log_has_the_token_or_the_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, by_webhook: bool, kinds: tuple[str, ...]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_program(tmp_path, by_webhook=by_webhook) as program:
        hearing = "getWebhookInfo" if by_webhook else "getUpdates"
        program.telegram.faults = [Fault(kind, hearing) for kind in kinds]
        program.telegram.faults.append(Fault("lost_answer", "sendMessage"))
        program.telegram.send.message("hello")
        await program.arrives()
        await program.shown(1)
    lines = [f"{record.getMessage()} {vars(record)} {record.exc_text}" for record in caplog.records]
    assert len(lines) > 10
    assert not [line for line in lines if TOKEN in line or SECRET in line]
