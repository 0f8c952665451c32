"""Who ran `make run` and nothing else can start the fakes, as the documents say."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from bot.selftest.discord import names as discord
from bot.selftest.slack import names as slack
from bot.selftest.telegram import names as telegram

ROOT = Path(__file__).parents[2]
_PINNED = re.compile(r"^([\w.-]+)==", re.MULTILINE)
_STARTS = (
    "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); "
    "from tests.support import fake_discord, fake_slack, fake_telegram"
)


def plain(name: str) -> str:
    """As package indices compare names (https://packaging.python.org, name normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def for_developers() -> list[str]:
    """The modules that `make run` does not install."""
    lock = (ROOT / "requirements/run.lock").read_text()
    ours = {plain(name) for name in _PINNED.findall(lock)} | {"nightdesk"}
    return [
        module
        for module, owners in packages_distributions().items()
        if not any(plain(owner) in ours for owner in owners)
    ]


def test_the_fakes_need_no_package_of_developers() -> None:
    absent = for_developers()
    assert {"pytest", "mypy"} <= set(absent)
    done = subprocess.run(
        [sys.executable, "-c", _STARTS, *absent],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("platform", "tokens"),
    [
        ("slack", {"APP": slack.APP_TOKEN, "BOT": slack.TOKEN}),
        ("telegram", {"BOT": telegram.TOKEN}),
        ("discord", {"BOT": discord.TOKEN}),
    ],
)
def test_a_page_names_the_tokens_of_its_fake(platform: str, tokens: dict[str, str]) -> None:
    page = (ROOT / f"docs/{platform}.md").read_text(encoding="utf-8")
    assert f".venv/bin/python -m tests.support.fake_{platform} --port " in page
    for kind, token in tokens.items():
        assert f"NIGHTDESK_{platform.upper()}__{kind}_TOKEN={token}" in page
