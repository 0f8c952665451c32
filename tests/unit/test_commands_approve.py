"""`/approve` and `/deny`: what is missing or too much is said, and nothing else."""

import pytest

from gateway.commands.grammar import ParsedCommand, UsageError, explain, parse

_FORMS = {
    "accept": "/approve accept <id> [hash]",
    "show": "/approve show <id>",
    "deny": "/approve deny <id> [reason]",
    "edit": "/approve edit <id> <name = value>",
    "mark": "/approve mark <id> <done|failed>",
    "revoke": "/approve revoke <number>",
    "list": "/approve list",
    "grants": "/approve grants [number]",
    "this": "/approve this",
}


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("show", "`<id>` is missing."),
        ("show a b", "“b” is too much."),
        ("accept", "`<id>` is missing."),
        ("accept a b c", "“c” is too much."),
        ("deny", "`<id>` is missing."),
        ("edit", "`<id> <name = value>` is missing."),
        ("edit abc", "`<name = value>` is missing."),
        ("mark", "`<id> <done|failed>` is missing."),
        ("mark x", "`<done|failed>` is missing."),
        ("mark x done now", "“now” is too much."),
        ("revoke", "`<number>` is missing."),
        ("revoke 1 2", "“2” is too much."),
        ("list all", "“all” is too much."),
        ("grants 21 all", "“all” is too much."),
        ("this one", "“one” is too much."),
    ],
)
def test_a_usage_error_names_what_is_wrong_and_the_one_right_form(
    written: str, problem: str
) -> None:
    error = parse(f"/approve {written}")
    assert isinstance(error, UsageError)
    assert error.problem == problem
    form = _FORMS[written.split(maxsplit=1)[0]]
    assert explain(error).splitlines()[:2] == [problem, f"Write: `{form}`"]


@pytest.mark.parametrize(
    ("written", "verb", "args"),
    [
        ("/approve", "this", ()),
        ("/approve 3f9k2m1a", "accept", ("3f9k2m1a",)),
        ("!approve 3f9k2m1a 67500c24", "accept", ("3f9k2m1a", "67500c24")),
        ("/approve accept 3f9k2m1a", "accept", ("3f9k2m1a",)),
        ("/approve mark 3f9k2m1a done", "mark", ("3f9k2m1a", "done")),
    ],
)
def test_an_approval_is_named_by_its_id_with_or_without_the_verb(
    written: str, verb: str, args: tuple[str, ...]
) -> None:
    command = parse(written)
    assert isinstance(command, ParsedCommand)
    assert (command.noun, command.verb, command.args) == ("approve", verb, args)


def test_a_verb_that_is_nearly_right_is_no_id() -> None:
    error = parse("/approve acept 3f9k2m1a")
    assert isinstance(error, UsageError)
    assert [form.verb for form in error.forms] == ["accept"]


def test_an_edit_keeps_its_lines_and_a_no_its_whole_reason() -> None:
    edit = parse("/approve edit 3f9k2m1a branch = dev\nforce = true")
    assert isinstance(edit, ParsedCommand)
    assert edit.tail == "3f9k2m1a branch = dev\nforce = true"
    reason = " ".join(["never"] * 500)
    for written in (f"/deny {reason}", f"/approve deny 3f9k2m1a {reason}"):
        said = parse(written)
        assert isinstance(said, ParsedCommand)
        assert reason in (said.tail, said.tail.partition(" ")[2])
    assert isinstance(parse("/deny"), ParsedCommand)


@pytest.mark.parametrize(
    "reason", ['because "no"  means\nno', "use --force ok", "--force", "--note=x y", '"no"']
)
def test_the_reason_of_a_no_is_kept_as_it_was_written(reason: str) -> None:
    said = parse(f"/deny {reason}")
    assert isinstance(said, ParsedCommand)
    assert said.tail == reason
