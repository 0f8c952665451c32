"""What a reader of the repository meets, beside the code."""

import re

from tests.architecture import source

_NAMES_OF_PLACES = re.compile(
    "|".join(
        [
            # Registries are the installer's business: which one serves a package differs from
            # place to place. Written in pieces, so that this file does not name them either.
            r"pypi\." + "org",
            "python" + "hosted",
            r"npm" + r"js\.(org|com)",
            r"deb\." + "debian",
            # Folders of the machine that a file was written on.
            r"(?<![\w.])/" + "work/",
            r"(?<![\w.])/" + "root/",
            r"(?<![\w.])/" + "opt/(wheels|pypi)",
            r"\." + r"library\b",
        ]
    )
)


def test_no_file_names_a_registry_or_a_folder_of_a_developers_machine() -> None:
    found = []
    for path in source.tracked_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        for match in _NAMES_OF_PLACES.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path.relative_to(source.ROOT)}:{line} {match.group()!r}")
    assert found == []


def test_every_target_of_the_makefile_is_explained() -> None:
    makefile = (source.ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    explained = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert explained == set(phony.group(1).split()) - {"FORCE"}


def test_every_decision_record_is_numbered_in_order_and_says_the_four_things() -> None:
    records = sorted((source.ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], path.name
