"""The checks of load tests find every way in which a comment can go wrong."""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import loadtest.__main__
from loadtest import cpu
from loadtest.checks import Comment, Posted, check_acknowledged, check_seen
from loadtest.latency import Latencies, at_share
from loadtest.lines import BadLog, Line, by_author, read
from loadtest.plots import Bar, bar_plot, latency_plot
from loadtest.report import Report, Row, joined, table, write
from loadtest.scenarios import replay
from loadtest.scenarios.replay import Replay, raised
from loadtest.senders import stays
from loadtest.viewers import Finish, Viewer, judge
from server.client import Missing, Received

EPOCH = 1_763_750_000_123


def comment(offset: int, text: str = "", author: str = "g1") -> Comment:
    return Comment((EPOCH, offset), f"id{offset}", author, text or f"text {offset}")


POSTED = [comment(n) for n in range(1, 101)]
LINES = [Line(n, n * 10, f"viewer{n % 7}", f"text {n + 1}") for n in range(100)]


def acknowledged() -> list[Posted]:
    return [Posted(n, each, float(n), 1) for n, each in enumerate(POSTED)]


def test_what_was_seen_as_posted_has_no_problem() -> None:
    assert check_seen("viewer 1", list(reversed(POSTED)), POSTED) == []


def test_comments_of_other_people_are_left_aside() -> None:
    other = Comment((EPOCH, 200), "id200", "m9", "hello")

    assert check_seen("viewer 1", POSTED, [*POSTED, other]) == []


def altered(**change: Any) -> list[Comment]:
    return [*POSTED[:40], POSTED[40]._replace(**change), *POSTED[41:]]


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        pytest.param(POSTED[:40] + POSTED[41:], "1 lost", id="lost"),
        pytest.param(POSTED[:-1], "1 lost", id="the last one lost"),
        pytest.param([], "100 lost", id="all lost"),
        pytest.param(POSTED[:41] + POSTED[40:], "1 seen twice", id="doubled"),
        pytest.param([*POSTED, POSTED[3]], "1 seen twice", id="doubled at the end"),
        pytest.param(
            [*POSTED[:40], POSTED[41], POSTED[40], *POSTED[42:]], "1 out of order", id="reordered"
        ),
        pytest.param(altered(text="other"), "1 altered", id="another text"),
        pytest.param(altered(text=""), "1 altered", id="no text"),
        pytest.param(altered(id="id7"), "1 altered", id="another id"),
        pytest.param(altered(author="m9"), "1 lost", id="another author"),
        pytest.param(altered(place=(EPOCH, 4000)), "1 posted by nobody", id="another place"),
        pytest.param(altered(place=(EPOCH + 1, 41)), "1 lost", id="another epoch"),
        pytest.param([*POSTED, comment(101)], "1 posted by nobody", id="stored once more"),
    ],
)
def test_every_way_of_going_wrong_is_a_problem(seen: list[Comment], problem: str) -> None:
    problems = check_seen("viewer 1", POSTED, seen)

    assert any(each.startswith(f"viewer 1: {problem}") for each in problems), problems


@pytest.mark.parametrize("seed", range(50))
def test_no_random_damage_goes_unseen(seed: int) -> None:
    rng = random.Random(seed)
    seen = list(POSTED)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(seen))
        match rng.randrange(4):
            case 0:
                seen.pop(at)
            case 1:
                seen.insert(rng.randrange(len(seen)), seen[at])
            case 2:
                seen[at] = seen[at]._replace(text=seen[at].text + "!")
            case 3:
                other = rng.choice([n for n in range(len(seen)) if seen[n] != seen[at]])
                seen[at], seen[other] = seen[other], seen[at]

    assert (check_seen("viewer 1", POSTED, seen) == []) == (seen == POSTED)


def test_a_problem_shows_a_few_examples_only() -> None:
    (problem,) = check_seen("viewer 1", POSTED, [])

    assert problem.count(str(EPOCH)) == 5
    assert problem.endswith(", …")


def test_a_log_that_was_acknowledged_has_no_problem() -> None:
    assert check_acknowledged(LINES, acknowledged()) == []


def test_a_line_without_an_acknowledgement_is_a_problem() -> None:
    (problem,) = check_acknowledged(LINES, acknowledged()[1:])

    assert problem == "acknowledgements: 1 not acknowledged: 0"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"line": 4}, "acknowledged twice: 4"),
        ({"comment": comment(7)._replace(place=(EPOCH, 900))}, "id given twice: id7"),
        ({"comment": comment(900)._replace(place=(EPOCH, 7))}, "place given twice"),
        ({"line": 100}, "of no such line: 100"),
    ],
)
def test_an_acknowledgement_that_repeats_is_a_problem(change: Any, problem: str) -> None:
    posted = acknowledged()
    first = posted[0]
    values = {"line": 0, "comment": first.comment, "sent_at": 0.0, "tries": 1} | change
    posted[0] = Posted(**values)

    assert any(problem in each for each in check_acknowledged(LINES, posted))


def viewer(name: str, items: list[Received | Missing], shared: dict[Comment, Comment]) -> Viewer:
    made = Viewer.__new__(Viewer)
    made.name = name
    made.seen, made.times, made.missing = [], array("d"), []
    made._shared = shared

    class Connected:
        connections = 1

    made.client = Connected()  # type: ignore[assignment]
    for item in items:
        made.take(item)
    return made


def pushed(each: Comment, **change: Any) -> Received:
    body = {"event": "comment.posted", "id": each.id, "text": each.text}
    body |= {"author": {"id": each.author, "name": "Mio", "role": "guest"}} | change
    return Received("room:1", *each.place, 0, body)


def test_viewers_that_saw_everything_pass_and_share_what_they_keep() -> None:
    shared: dict[Comment, Comment] = {}
    viewers = [viewer(f"viewer {n}", [pushed(c) for c in POSTED], shared) for n in range(3)]

    seen = judge(viewers, Finish(acknowledged(), 0.0))

    assert seen.problems == []
    assert seen.deliveries == 300
    assert len(shared) == 100
    assert sum(sum(counts.values()) for counts in seen.latencies.values()) == 300


def test_a_viewer_that_was_not_given_something_fails() -> None:
    told = Missing("room:1", EPOCH, 5, 9, 5, "sampled")
    items = [pushed(each) for each in POSTED]
    other = Received("room:1", EPOCH, 900, 0, {"event": "room.changed"})

    seen = judge(
        [
            viewer("viewer 0", [*items, told], {}),
            viewer("viewer 1", [*items[1:], other], {}),
            viewer("viewer 2", [*items[:-1], pushed(POSTED[-1], text="?")], {}),
        ],
        Finish(acknowledged(), 0.0),
    )

    assert [each.split(":")[0] for each in seen.problems] == ["viewer 0", "viewer 1", "viewer 2"]
    assert "not given 5 to 9 (sampled)" in seen.problems[0]


def test_latencies_of_several_processes_add_up() -> None:
    one, other = Latencies(), Latencies()
    for n in range(100):
        one.add(0, 0.001)
        other.add(n // 50, 0.1)
    one.join(other.seconds)

    assert at_share(one.total(), 0.5) == pytest.approx(0.001, rel=0.03)
    assert at_share(one.total(), 0.99) == pytest.approx(0.1, rel=0.03)
    assert [second for second, _ in one.over_time([0.5])] == [0, 1]
    assert at_share({}, 0.5) == 0.0


def write_log(folder: Path, *lines: str) -> Path:
    path = folder / "log.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_log_is_read_in_order(tmp_path: Path) -> None:
    path = write_log(
        tmp_path, '{"ms":0,"user":"a","text":"広場"}', "", '{"ms":5,"user":"b","text":"x"}'
    )

    assert read(path) == [Line(0, 0, "a", "広場"), Line(1, 5, "b", "x")]
    assert read(path, 1) == [Line(0, 0, "a", "広場")]


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '{"ms":0,"user":"a"}', '{"ms":"0","user":"a","text":"x"}', ""]
)
def test_what_is_not_a_log_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadLog):
        read(write_log(tmp_path, line))


def test_lines_are_grouped_by_their_author() -> None:
    groups = by_author(LINES)

    assert sorted(len(lines) for lines in groups.values()) == [14, 14, 14, 14, 14, 15, 15]
    assert all(line.user == name for name, lines in groups.items() for line in lines)


def test_an_author_leaves_during_a_long_silence() -> None:
    lines = [Line(n, ms, "a", "x") for n, ms in enumerate([0, 5000, 40_000, 41_000])]

    assert [[line.index for line in stay] for stay in stays(lines, 1.0)] == [[0, 1], [2, 3]]
    assert [[line.index for line in stay] for stay in stays(lines, 10.0)] == [[0, 1, 2, 3]]


def test_limits_are_raised_for_the_people_and_the_speed() -> None:
    limits = raised(Replay(LINES, viewers=50, speed=20.0))

    assert limits["HIROBA_POST_RATE"] == "100/10s"
    assert limits["HIROBA_VISITOR_RATE"] == "1007/10min"
    assert raised(Replay(LINES, viewers=1, speed=0.5))["HIROBA_POST_RATE"] == "5/10s"


REPORT = Report(
    "replay",
    facts={"lines": 7453, "comments_per_second": 91.25, "servers": "a & b"},
    latency_ms={"p50": 4.0, "p95": 20.0, "p99": 31.0},
    cpu_seconds={"gateway-1": 3.5},
    over_time=[(0, [4.0, 20.0, 31.0]), (1, [5.0, 10.0, 12.0]), (4, [5.0, 10.0, 12.0])],
)


def test_the_table_says_whether_it_passed() -> None:
    failed = Report("replay", problems=["viewer 1: 1 lost: 7"])

    assert "7,453" in table(REPORT)
    assert table(REPORT).endswith("replay: passed")
    assert "PROBLEM  viewer 1: 1 lost: 7" in table(failed)
    assert table(failed).endswith("replay: FAILED")


ROWS = [
    Row("hiroba write", 1000, cpu_us_per_delivery=5.5, ratio_to_c_send=1.1),
    Row("hiroba <ring>", 5000, latency_ms={"p50": 4.0, "p99": 31.0}, more={"encoding": "json"}),
]


def test_the_table_of_rows_has_a_column_for_every_figure() -> None:
    lines = table(Report("fanout", rows=ROWS)).splitlines()

    assert lines[0].split("  ")[1] == "name"
    assert "ratio to c send" in lines[0] and "latency p99 ms" in lines[0]
    assert "1.1" in lines[1] and "31" not in lines[1]
    assert "json" in lines[2] and "5,000" in lines[2]


def test_the_report_is_written_for_programs_and_as_a_plot(tmp_path: Path) -> None:
    write(REPORT, tmp_path / "out")

    value = json.loads((tmp_path / "out" / "run.json").read_text())
    assert value["passed"] is True
    assert value["facts"]["lines"] == 7453
    assert value["machine"]["cpus"] >= 1
    svg = (tmp_path / "out" / "latency.svg").read_text()
    assert svg == latency_plot("replay", REPORT.over_time)


def test_the_rows_are_written_as_a_list_with_only_what_was_measured(tmp_path: Path) -> None:
    write(Report("fanout", rows=ROWS, plots={"fanout.svg": "<svg/>"}), tmp_path)

    first, second = json.loads((tmp_path / "report.json").read_text())
    assert first["name"] == "hiroba write" and first["viewers"] == 1000
    assert first["cpu_us_per_delivery"] == 5.5 and first["ratio_to_c_send"] == 1.1
    assert {"machine", "kernel", "cpus", "date"} <= set(first)
    assert second["latency_ms"] == {"p50": 4.0, "p99": 31.0} and second["encoding"] == "json"
    assert "ratio_to_c_send" not in second
    assert (tmp_path / "fanout.svg").read_text() == "<svg/>"


@pytest.mark.parametrize("over_time", [REPORT.over_time, []])
def test_the_plot_is_svg_with_a_line_for_each_share_inside_its_frame(over_time: Any) -> None:
    root = ElementTree.fromstring(latency_plot("replay <&>", over_time))

    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 3
    for line in lines:
        points = [tuple(map(float, p.split(","))) for p in line.get("points", "").split()]
        assert len(points) == len(over_time)
        assert all(70 <= x <= 880 and 40 <= y <= 310 for x, y in points)


@pytest.mark.parametrize("longest", [2.0, 300.0])
def test_bars_are_as_long_as_their_figures_and_stay_inside(longest: float) -> None:
    bars = [Bar("C send()", 1.0), Bar("a <b>", 1.5, reach=1.15), Bar("slow", longest)]

    root = ElementTree.fromstring(bar_plot("CPU & ratio", bars))

    drawn = root.findall("{http://www.w3.org/2000/svg}rect[@class='bar']")
    widths = [float(bar.get("width", "")) for bar in drawn]
    assert widths == sorted(widths) and 0 < widths[0] < widths[2]
    assert all(
        float(bar.get("x", "")) + width < 880 for bar, width in zip(drawn, widths, strict=True)
    )
    assert len(root.findall("{http://www.w3.org/2000/svg}line")) == 1


def test_bars_without_a_figure_are_still_a_plot() -> None:
    ElementTree.fromstring(bar_plot("nothing", []))
    ElementTree.fromstring(bar_plot("nothing", [Bar("zero", 0.0)]))


def test_many_problems_are_cut_with_their_number() -> None:
    problems = joined([[f"{n}" for n in range(30)], ["x"]], 20)

    assert len(problems) == 21
    assert problems[-1] == "and 11 more problems"


@pytest.mark.skipif(not cpu.PROC.is_dir(), reason="there is no /proc")
def test_cpu_time_is_read_with_children_but_without_those_that_are_counted_elsewhere() -> None:
    script = "import sys\nfor _ in range(3_000_000): pass\nprint(flush=True)\nsys.stdin.read()"
    busy = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert busy.stdout is not None
        busy.stdout.readline()
        me = int(re.findall(r"\d+", Path("/proc/self/stat").read_text())[0])

        alone = cpu.by_name({"me": [me], "busy": [busy.pid]})
        together = cpu.by_name({"me": [me]})

        assert alone["busy"] > 0
        # Both are multiples of a tick, as floats.
        assert together["me"] >= alone["me"] + alone["busy"] - 1e-6
    finally:
        busy.kill()
        busy.communicate()


@pytest.mark.parametrize(("problems", "status"), [([], 0), (["viewer 1: 1 lost: 7"], 1)])
def test_a_failed_check_is_the_exit_status(
    problems: list[str],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def run(options: argparse.Namespace) -> Report:
        return Report("replay", {"viewers": options.viewers}, problems=problems)

    monkeypatch.setattr(replay, "run", run)
    path = write_log(tmp_path, '{"ms":0,"user":"a","text":"x"}')
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["loadtest", "replay", str(path), "--out", str(out)])

    assert loadtest.__main__.main() == status

    assert ("FAILED" in capsys.readouterr().out) is bool(status)
    assert json.loads((out / "run.json").read_text())["passed"] is not bool(status)


def test_every_scenario_has_a_parser_of_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    parser = loadtest.__main__._parser()

    for name in loadtest.__main__.SCENARIOS:
        with pytest.raises(SystemExit) as stopped:
            parser.parse_args([name, "--help"])

        assert stopped.value.code == 0
        assert f"python -m loadtest {name}" in capsys.readouterr().out
