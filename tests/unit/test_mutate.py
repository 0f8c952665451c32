"""What `make mutate` counts, and when it is enough."""

from tests.mutate import is_enough, read, report

SAID = """
    runtime.access.x_may__mutmut_1: killed
    runtime.access.xǁJudgeǁmay__mutmut_2: timeout
    gateway.verify.slack.x_verify__mutmut_1: survived
    gateway.verify.slack.x_verify__mutmut_2: not checked
"""


def line(module: str, outcome: str, times: int) -> str:
    return "".join(f"    {module}.x_f__mutmut_{n}: {outcome}\n" for n in range(times))


def test_each_module_has_its_figure() -> None:
    assert report(read(SAID)).splitlines() == [
        "runtime.access                      2 of    2  100.0 %",
        "gateway.verify.slack                0 of    1  0.0 %",
        "MUT 4 mutants, 1 not looked at, 66.7 % noticed  target 90 % in each module  short",
    ]


def test_ninety_percent_is_enough_in_each_module_and_no_module_lifts_another() -> None:
    most = line("a.b", "killed", 9) + line("a.b.more", "killed", 100)
    assert is_enough(read(most + line("a.b.last", "survived", 0)))
    assert is_enough(read(most + "a.b.x_g__mutmut_1: survived"))
    for outcome in ("survived", "no tests", "suspicious"):
        assert not is_enough(
            read(most + f"a.b.x_g__mutmut_1: survived\na.b.x_g__mutmut_2: {outcome}")
        )


def test_where_nothing_was_looked_at_nothing_is_enough() -> None:
    unseen = read(line("a.b", "not checked", 2))
    assert not is_enough(unseen)
    assert not is_enough(read(""))
    assert report(unseen).splitlines()[0].endswith("not looked at")
