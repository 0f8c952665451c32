"""kill -9 of the real program while a run is another agent's: it ends once, with its result.

One run waits for people there, one thinks, and one uses a tool with an effect outside. The power is
cut; people answer in the next life, and it is cut again as soon as they were heard.
"""

from dataclasses import replace

from tests.support import handed_program
from tests.support.crash_places import Places
from tests.support.crash_process import Process, start
from tests.support.crash_program import Plan, known
from tests.support.crash_schedules import due, put
from tests.support.crash_world import World, channel, world
from tests.support.eventually import eventually
from tests.support.stop_program import Signs

WAYS = ("ask", "work", "tool")
WITHIN = 120.0


def a_life(people: World) -> Process:
    plan = Plan(settings=known(people.environment(), people.folder), folder=people.folder)
    process = start(plan, handed_program.live_by)
    people._processes.append(process)
    return process


def approvals(people: World) -> dict[str, tuple[str, str]]:
    """The short id of each question, and where it is, by the tool that it is about."""
    found = people.rows("SELECT id, json_extract(body, '$.frozen.tool'), state FROM approvals")
    return {tool: (this[:8], state) for this, tool, state in found}


async def test_killed_twice_while_another_agent_has_it_a_run_ends_once(on_sqlite: Places) -> None:
    folder, url = on_sqlite.new("handed")
    async with world(folder, url=url) as people:
        config = folder / "nightdesk.toml"
        head, _, rest = config.read_text().partition("[[agents]]")
        channels = rest[rest.index("[[channels]]") :]
        config.write_text(head + handed_program.AGENTS + channels)
        (folder / "policy.yaml").write_text(handed_program.POLICY)
        planned = [
            replace(due(number, channel(number)), instruction=f"do {what}")
            for number, what in enumerate(WAYS)
        ]
        await put(planned, url=url, folder=folder)
        signs = Signs(folder)

        process = a_life(people)
        await process.ready()
        await eventually(
            lambda: (
                "shipped" in _said(signs)
                and signs.size("work")
                and approvals(people).get("checkpoint.ask", ("", ""))[1] == "pending"
            ),
            "each run to be under way",
            within=WITHIN,
        )
        await process.kill()

        process = a_life(people)
        await process.ready()
        await eventually(
            lambda: approvals(people).get("ship.it", ("", ""))[1] == "unknown",
            "the question what became of it",
            within=WITHIN,
        )
        known = approvals(people)
        place = channel(len(WAYS))
        await people.command(f"approve accept {known['checkpoint.ask'][0]}", place=place)
        await people.command(f"approve mark {known['ship.it'][0]} done", place=place)
        await process.kill()

        process = a_life(people)
        await process.ready()
        await people.quiet()
        await process.stop()

        results = [_posts(people, number) for number in range(len(WAYS))]
        assert [len(posts) for posts in results] == [1, 1, 1], results
        ask, work, tool = (posts[0] for posts in results)
        assert "Result of ask: Yes from Ada at the checkpoint “ready”." in ask
        assert "Result of work: thought." in work
        assert "Ada looked after a crash: it did take effect." in tool
        assert all("desk → research" in posts[0] for posts in results)
        assert _said(signs).count("shipped") == 1
        assert people.rows("SELECT DISTINCT state, delivery FROM occurrences") == [("done", "sent")]
        assert len(people.rows("SELECT conversation FROM handoffs")) == len(WAYS)
        assert {state for _, state in approvals(people).values()} == {"done"}
        assert people.slack.violations == []


def _said(signs: Signs) -> str:
    path = signs.path("tool")
    return path.read_text() if path.exists() else ""


def _posts(people: World, number: int) -> list[str]:
    return [post.markdown or post.text for post in people.slack.visible(channel(number))]
