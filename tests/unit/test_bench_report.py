"""The bench's own arithmetic, lines and exit codes."""

import json
from statistics import median

import pytest

from bench.__main__ import main
from bench.report import Bound, Figure, Gate, Report
from bench.spread import NOTHING, middle, paired, percentile, ratio


def _gate(value: float, *, bound: Bound = Bound.AT_LEAST, limit: float = 0.6) -> Gate:
    return Gate(words="events {} of bare", value=value, bound=bound, limit=limit)


def _report(*gates: Gate) -> Report:
    figure = Figure(what="bare: CPU", value=41.25, unit="us each")
    return Report(id="S1", gates=gates, figures=(figure,), notes=("one core",))


def test_a_line_says_each_figure_each_target_and_the_verdict() -> None:
    faster = Gate(words="{} bolt", value=2.44, bound=Bound.AT_LEAST, limit=2.2, places=1, unit="x")
    spread = Gate(words="p99/p50 {}", value=2.06, bound=Bound.AT_MOST, limit=5, places=1)
    assert _report(_gate(0.634), faster, spread).line() == (
        "S1  events 0.63 of bare, 2.4x bolt, p99/p50 2.1  target >=0.60, >=2.2x, <=5  pass"
    )


@pytest.mark.parametrize(
    ("value", "bound", "ok"),
    [
        (0.6, Bound.AT_LEAST, True),
        (0.599, Bound.AT_LEAST, False),
        (0.6, Bound.AT_MOST, True),
        (0.601, Bound.AT_MOST, False),
        (NOTHING, Bound.AT_LEAST, False),
        (NOTHING, Bound.AT_MOST, False),
    ],
)
def test_a_target_is_met_exactly_at_its_limit_and_never_by_what_was_not_measured(
    value: float, bound: Bound, ok: bool
) -> None:
    assert _gate(value, bound=bound).ok is ok


def test_one_figure_that_falls_short_is_named_under_a_short_line() -> None:
    report = _report(_gate(0.7), _gate(0.41))
    assert report.line().endswith("short")
    assert report.table() == [
        "      bare: CPU         41.25 us each",
        "      short: events 0.41 of bare, target >=0.60",
        "      note: one core",
    ]


def test_json_has_every_figure_and_null_for_what_is_no_number() -> None:
    found = _report(_gate(NOTHING)).to_json()
    read = json.loads(json.dumps(found, allow_nan=False))
    assert read["pass"] is False
    assert read["gates"][0]["value"] is None
    assert read["gates"][0]["bound"] == ">="
    assert read["figures"] == [{"what": "bare: CPU", "value": 41.25, "unit": "us each"}]


def test_the_percentile_is_the_nearest_rank() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert percentile(values, 0.5) == 51
    assert percentile(values, 0.99) == 100
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) != percentile([], 0.5), "nothing has no percentile"


def test_medians_and_ratios_of_nothing_keep_no_promise() -> None:
    assert middle([3, 1, 2], float) == median([1, 2, 3])
    assert not _gate(middle([], float)).ok
    assert not _gate(ratio(1.0, 0.0)).ok


def test_a_ratio_is_of_the_halves_of_each_round() -> None:
    # Two quiet rounds and one in which everything took ten times as long.
    assert paired([40.0, 400.0, 44.0], [80.0, 800.0, 88.0], float) == 0.5
    assert paired([], [], float) != paired([], [], float)


def test_the_bench_ends_with_0_where_all_pass_and_with_1_where_one_falls_short(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measures = {"S1": lambda: _report(_gate(0.7)), "S5": lambda: _report(_gate(0.5))}
    assert main(["--only", "s1"], measures) == 0
    assert "  pass" in capsys.readouterr().out
    assert main(["--brief"], measures) == 1
    out = capsys.readouterr().out
    assert out.count("S1  ") == 2
    assert "us each" not in out


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"], {"S1": lambda: _report(_gate(0.7))}) == 0
    [report] = json.loads(capsys.readouterr().out)["reports"]
    assert report["id"] == "S1"
    assert report["pass"] is True


def test_an_unknown_id_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "S1,S99"], {"S1": lambda: _report(_gate(0.7))})
    assert ended.value.code == 2
    assert "there is no S99; there are S1" in capsys.readouterr().err
