"""The log: where lines go, how they look, and that none of them carries a secret."""

import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.observability import Destination, Look, logging_to
from bot.redaction import HIDDEN, redact, redactor
from runtime.errors import ModelError, ModelUnavailable

CANARY = "canary-8f74/2231+b1"
TOKENS = [
    "xoxb-2345-6789-AbCd",
    "xoxp-1-2-3",
    "xoxe.xoxb-1-AbC",
    "xapp-1-A0-99-ff",
    "sk-proj-AbCdEf123456",
    "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0",
    "https://hooks.slack.com/commands/T1/22/aBc",
]


class Screen(io.StringIO):
    def __init__(self, *, watched: bool = False) -> None:
        super().__init__()
        self._watched = watched

    def isatty(self) -> bool:
        return self._watched


def fail(secret: str) -> None:
    local = f"in a local variable {secret}"
    raise ValueError(secret or local)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nightdesk.log"


@contextmanager
def log_to(
    screen: Screen,
    file: Path,
    destination: Destination = Destination.STDERR,
    *,
    level: str = "info",
    look: Look | None = None,
) -> Iterator[logging.Logger]:
    with logging_to(
        destination, file=file, level=level, look=look, secrets=[CANARY, ""], stderr=screen
    ):
        yield logging.getLogger("nightdesk.test")


def test_a_line_of_json_has_the_event_and_its_fields(file: Path) -> None:
    screen = Screen()
    with log_to(screen, file) as log:
        log.info("outbox.sent", extra={"item": "01ab", "folder": Path("/srv")})
    line = json.loads(screen.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "outbox.sent",
        "logger": "nightdesk.test",
        "item": "01ab",
        "folder": "/srv",
    }


def test_a_line_is_text_where_somebody_watches(file: Path) -> None:
    screen = Screen(watched=True)
    with log_to(screen, file) as log:
        log.info("outbox.sent", extra={"item": "01ab"})
    assert "outbox.sent" in screen.getvalue()
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(screen.getvalue())


def test_lines_below_the_level_are_left_out(file: Path) -> None:
    screen = Screen()
    with log_to(screen, file, level="warning") as log:
        log.info("quiet")
        log.warning("loud")
    assert [json.loads(line)["event"] for line in screen.getvalue().splitlines()] == ["loud"]


def test_with_the_chat_on_the_screen_lines_go_to_the_file_alone(file: Path) -> None:
    screen = Screen(watched=True)
    with log_to(screen, file, Destination.FILE) as log:
        log.error("turn.failed")
    assert screen.getvalue() == ""
    assert json.loads(file.read_text())["event"] == "turn.failed"
    assert file.stat().st_mode & 0o777 == 0o600


def test_with_the_chat_in_a_script_warnings_show_as_well(file: Path) -> None:
    screen = Screen()
    with log_to(screen, file, Destination.FILE_AND_WARNINGS) as log:
        log.info("turn.done")
        log.warning("turn.refused")
    assert [json.loads(line)["event"] for line in screen.getvalue().splitlines()] == [
        "turn.refused"
    ]
    assert len(file.read_text().splitlines()) == 2


def test_in_a_script_the_screen_has_the_cause_and_the_file_the_traceback(file: Path) -> None:
    screen = Screen()
    with log_to(screen, file, Destination.FILE_AND_WARNINGS) as log:
        try:
            fail("the disk is full")
        except ValueError:
            log.exception("turn.not_stored")
        log.warning("turn.refused", exc_info=TimeoutError())
        log.warning("turn.late")
    shown = [json.loads(line) for line in screen.getvalue().splitlines()]
    assert [line.get("why") for line in shown] == ["the disk is full", "TimeoutError", None]
    assert "Traceback" not in screen.getvalue()
    assert "Traceback" in file.read_text()


def test_a_model_that_could_not_answer_is_one_line_without_a_traceback(file: Path) -> None:
    screen = Screen()
    with log_to(screen, file, Destination.STDERR) as log:
        try:
            raise ModelUnavailable("connection refused")
        except ModelError:
            log.exception("turn.refused")
    [line] = screen.getvalue().splitlines()
    shown = json.loads(line)
    assert (shown["event"], shown["why"]) == ("turn.refused", "connection refused")
    assert "exception" not in shown


def test_a_disk_without_room_for_the_last_lines_ends_without_an_error(file: Path) -> None:
    file.symlink_to("/dev/full")
    with log_to(Screen(), file, Destination.FILE) as log:
        log.error("turn.failed")


def test_without_a_line_there_is_no_file(file: Path) -> None:
    with log_to(Screen(), file, Destination.FILE):
        pass
    assert not file.exists()


@pytest.mark.parametrize("look", list(Look))
def test_no_line_carries_a_secret_however_it_comes(file: Path, look: Look) -> None:
    screen = Screen()
    with log_to(screen, file, level="debug", look=look) as log:
        for secret in [CANARY, *TOKENS]:
            log.info(secret)
            log.info("told %s", secret)
            log.info("fields", extra={"token": secret, "nested": {"deep": [secret]}})
            log.info("header", extra={"headers": {"Authorization": f"Bearer {secret}"}})
            try:
                fail(secret)
            except ValueError:
                log.exception("failed")
            logging.getLogger("slack_sdk.web").warning("of a library: %s", secret)
    said = screen.getvalue()
    assert said.count(HIDDEN) > 5 * len(TOKENS)
    for secret in [CANARY, *TOKENS]:
        assert secret not in said
    if look is Look.JSON:
        assert all(json.loads(line) for line in said.splitlines())


@pytest.mark.parametrize(
    "name",
    ["httpx", "httpcore.http11", "LiteLLM", "aiohttp.access", "adapters.sql.postgres._Thrifty"],
)
def test_libraries_that_write_down_requests_are_quiet_even_when_debugging(
    file: Path, name: str
) -> None:
    screen = Screen()
    with log_to(screen, file, level="debug"):
        logging.getLogger(name).info("GET https://api.telegram.org/bot1:secret/getMe")
        logging.getLogger(name).warning("slow")
    assert [json.loads(line)["event"] for line in screen.getvalue().splitlines()] == ["slow"]


def test_a_line_that_somebody_else_wrote_stays_one_line(file: Path) -> None:
    screen = Screen()
    with log_to(screen, file, look=Look.TEXT):
        logging.getLogger("library").warning("before\n2026-01-01 [info] forged \x1b[2J")
    assert len(screen.getvalue().splitlines()) == 1
    assert "\x1b" not in screen.getvalue()


def test_a_traceback_is_in_the_text_and_shows_no_local_variables(file: Path) -> None:
    screen = Screen()
    with log_to(screen, file, look=Look.TEXT) as log:
        try:
            fail("in the message")
        except ValueError:
            log.exception("failed")
    assert "ValueError: in the message" in screen.getvalue()
    assert "in a local variable in the message" not in screen.getvalue()


def test_a_dying_thread_and_a_warning_are_log_lines(file: Path) -> None:
    def die() -> None:
        raise ValueError(CANARY)

    screen = Screen()
    with log_to(screen, file), warnings.catch_warnings():
        warnings.simplefilter("always")
        thread = threading.Thread(target=die, name="writer")
        thread.start()
        thread.join()
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
    died, old = (json.loads(line) for line in screen.getvalue().splitlines())
    assert (died["event"], died["name_of_thread"]) == ("thread.died", "writer")
    assert CANARY not in died["exception"]
    assert "old" in old["event"]


def test_a_line_that_cannot_be_written_is_no_stack_trace_on_the_screen(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.mkdir()
    with log_to(Screen(), file, Destination.FILE) as log:
        log.error("turn.failed")
    assert capsys.readouterr().err == ""


def test_everything_is_as_it_was_afterwards(file: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), threading.excepthook, warnings.showwarning)
    with log_to(Screen(), file, Destination.FILE_AND_WARNINGS):
        assert len(root.handlers) == len(before[1]) + 2
    assert (root.level, list(root.handlers), threading.excepthook, warnings.showwarning) == before


# --------------------------------------------------------------------------------- redaction


def test_where_slack_shows_the_secret_is_no_secret() -> None:
    assert redact("Slack needs it (Basic Information, Signing Secret)").count(HIDDEN) == 0
    assert redact("Authorization: Basic dXNlcjpwYXNz") == f"Authorization: Basic {HIDDEN}"


@pytest.mark.parametrize("token", TOKENS)
def test_what_looks_like_a_secret_is_taken_out(token: str) -> None:
    assert redact(f"before {token} after") == f"before {HIDDEN} after"
    assert json.loads(redact(json.dumps({"a": token, "b": 1})))["b"] == 1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("Basic dXNlcjpwdw==", f"Basic {HIDDEN}"),
        ("postgresql://desk:p4ss@db/x", f"postgresql://desk:{HIDDEN}@db/x"),
        ("postgresql://user:password@host/database", "postgresql://user:password@host/database"),
        ("http://127.0.0.1:8787/healthz", "http://127.0.0.1:8787/healthz"),
        ("task-force and risk-averse", "task-force and risk-averse"),
        ("outbox.sent 01hzx at 12:30:45", "outbox.sent 01hzx at 12:30:45"),
    ],
)
def test_shapes(text: str, left: str) -> None:
    assert redact(text) == left


def test_known_secrets_are_taken_out_in_every_spelling_the_longest_first() -> None:
    hide = redactor(["abcd", "abcd/efgh", 'quo"te', "x", ""])
    assert hide("abcd/efgh abcd") == f"{HIDDEN} {HIDDEN}"
    assert hide("?key=abcd%2Fefgh") == f"?key={HIDDEN}"
    assert hide(json.dumps({"key": 'quo"te'})) == json.dumps({"key": HIDDEN})
    assert hide("x marks the spot") == "x marks the spot"
