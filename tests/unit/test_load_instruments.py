"""What the measuring scenarios make of what their instruments say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import msgpack
import orjson
import pytest

from loadtest.errors import CannotRun
from loadtest.hall import WRITER, FanOut, in_yards, limits, ratio
from loadtest.machine import machine, processor
from loadtest.native import build
from loadtest.native.client import Aim, Counts, Encoding, check_files, hiroba
from loadtest.native.program import ProgramFailed, parse
from loadtest.native.yardstick import Round
from loadtest.publishers import Posted
from loadtest.report import Row, row_table
from loadtest.scenarios import fanout, hotroom, publish
from server.settings import Settings

SAID = (
    b'{"say": "counted", "publications": 3000, "frames": 1500, "passing": 0, "bytes": 300000,'
    b' "wire_bytes": 306000, "holes": 0, "repeated": 0, "left_out": 0, "unread": 0, "least": 3,'
    b' "most": 3, "pings": 0, "open": 1000, "dead": 0, "seconds": 2.5, "first": 0.1, "last": 2.1,'
    b' "cpu_us": 7500, "closes": {"4001": 2}}'
)
COUNTS = Counts.read(parse(SAID))


def test_a_line_of_the_client_is_read() -> None:
    assert (COUNTS.publications, COUNTS.frames, COUNTS.closes) == (3000, 1500, {"4001": 2})
    assert COUNTS.last == 2.1
    assert COUNTS.problems("client", 3) == []


@pytest.mark.parametrize("line", [b"", b"nonsense\n", b"[1]", b'{"say": "cou', b"\xff"])
def test_a_line_that_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(ProgramFailed):
        parse(line)


def test_a_client_that_does_not_tell_everything_is_refused() -> None:
    with pytest.raises(ProgramFailed, match="holes"):
        Counts.read({name: value for name, value in parse(SAID).items() if name != "holes"})


@pytest.mark.parametrize("name", ["holes", "repeated", "left_out", "unread", "dead"])
def test_whatever_the_client_finds_is_a_problem(name: str) -> None:
    (problem,) = replace(COUNTS, **{name: 7}).problems("client", 3)

    assert problem == f"client: 7 {name.replace('_', ' ')}"


@pytest.mark.parametrize(("least", "most"), [(2, 3), (3, 4), (2, 4), (0, 0)])
def test_a_viewer_that_saw_more_or_less_than_was_posted_is_a_problem(least: int, most: int) -> None:
    (problem,) = replace(COUNTS, least=least, most=most).problems("client", 3)

    assert problem == f"client: saw {least} to {most} of 3 publications"


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
def test_every_connection_connects_and_subscribes_in_one_message(encoding: Encoding) -> None:
    aim = hiroba("http://127.0.0.1:81", "room:7", 10, encoding, tokens=["a", "b"])

    texts = [message for line in aim.hellos for message in line]
    said = [
        orjson.loads(text) if isinstance(text, str) else msgpack.unpackb(text) for text in texts
    ]
    assert [each["args"]["token"] for each in said] == ["a", "b"]
    assert said[0]["args"]["subscribe"] == [{"channel": "room:7", "feed": "full"}]
    assert aim.port == 81 and aim.wire == encoding
    assert f"Sec-WebSocket-Protocol: hiroba.v1.{encoding}" in aim.headers


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(CannotRun, match="port"):
        hiroba("http://example.org", "room:7", 1, "json")


def test_what_a_client_aims_at_becomes_its_command_line() -> None:
    aim = Aim(81, 5, path="/x", headers=["A: b"], ready="ok", answers=[("2", "3")], latency=True)

    words = aim.arguments(Path("hellos"))

    assert words[:2] == ["81", "5"]
    for pair in (["--path", "/x"], ["--header", "A: b"], ["--hello", "hellos"]):
        assert pair[1] == words[words.index(pair[0]) + 1]
    assert words[words.index("--answer") + 1 :][:2] == ["2", "33"]
    assert words[-1] == "--latency" and "--count" not in words


def test_more_connections_than_files_are_refused_with_both_numbers() -> None:
    with pytest.raises(CannotRun, match=r"2000000000 connections need 2000000200 open files"):
        check_files(2_000_000_000)


def test_another_source_is_another_program(tmp_path: Path) -> None:
    (tmp_path / "client.c").write_text("int main(void) { return 0; }")
    first = build.digest(tmp_path)
    (tmp_path / "wire.h").write_text("")
    second = build.digest(tmp_path)
    (tmp_path / "notes.txt").write_text("not a source")

    assert first != second == build.digest(tmp_path)


def test_without_a_compiler_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "compiler", lambda: None)
    monkeypatch.setattr(build.tempfile, "gettempdir", lambda: str(tmp_path))

    with pytest.raises(build.NoCompiler, match="install gcc"):
        build.built("client")


def test_a_cache_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = build._cache()
    folder.chmod(0o777)

    with pytest.raises(CannotRun, match="not ours alone"):
        build.built("client")


def test_the_raised_limits_are_settings_of_the_server() -> None:
    settings = Settings.from_env({**limits(30_000), WRITER: "write"})

    assert settings.max_connections == 60_000
    assert settings.post_rate.most >= 1_000_000


def test_the_machine_is_told() -> None:
    assert processor("vendor_id\t: x\nmodel name\t: Some CPU\n") == "Some CPU"
    assert processor("") != ""
    assert {"machine", "cpus", "kernel", "date"} <= set(machine())


def a_round(cost: float) -> Round:
    return Round(1000, cost * 1000, 1.0, [])


def a_fan_out(per_frame: float) -> FanOut:
    return FanOut(Posted(acknowledged=3, seconds=1.5), COUNTS, per_frame * 1500, 2.1)


def test_the_ratio_to_send_is_the_middle_of_those_of_the_rounds() -> None:
    measured = fanout.Measured(
        send=[a_round(5), a_round(4), a_round(40)],
        ring=[a_round(3), a_round(4), a_round(5)],
        paced={"write": [a_fan_out(cost) for cost in (5.5, 90, 5.0)]},
        busy={"write": [a_fan_out(cost) for cost in (0.8, 1.0, 9.0)]},
    )

    rows, problems = fanout.tell(measured, 1000, "msgpack")

    assert problems == []
    assert [row.ratio_to_c_send for row in rows] == pytest.approx([1, 0.6, 1.1, 0.1125])
    assert [row.cpu_us_per_delivery for row in rows] == pytest.approx([5, 4, 5.5, 0.5])
    assert [row.more.get("reach") for row in rows] == [None, None, 1.15, 0.06]
    assert rows[2].more["frame_bytes"] == 200
    ElementTree.fromstring(fanout.plot(rows))


def test_without_a_yardstick_there_are_costs_and_no_ratios() -> None:
    measured = fanout.Measured(paced={"ring": [a_fan_out(5.0)]})

    (row,), _ = fanout.tell(measured, 1000, "json")

    assert row.cpu_us_per_delivery == 5.0 and row.ratio_to_c_send is None
    assert "µs" in fanout.plot([row])


def test_what_was_lost_in_any_round_is_a_problem() -> None:
    lost = replace(a_fan_out(5.0), posted=Posted(acknowledged=2, lost=1, refused=["room_busy"]))
    measured = fanout.Measured(send=[Round(1, 1.0, 1.0, ["short"])], busy={"write": [lost]})

    _, problems = fanout.tell(measured, 1000, "msgpack")

    assert problems[0] == "short"
    assert problems[1] == "1 comments were not acknowledged: room_busy"
    assert problems[2].endswith("saw 3 to 3 of 2 publications")


def test_deliveries_a_second_are_counted_from_the_first_to_the_last() -> None:
    latency = {"samples": 9, "p50": 1.0, "p95": 2.0, "p99": 3.0, "most": 4.0}

    row = hotroom.tell(a_fan_out(5.0), "auto", 1000, "msgpack", latency)

    assert row.more["deliveries_per_second"] == 1500
    assert row.latency_ms == {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    assert row.more["comments_a_frame"] == 2.0


def test_the_cost_of_a_comment_is_told_for_each_process() -> None:
    posted = Posted(acknowledged=100, seconds=0.5, cpu_us=10_000)
    taken = publish.Taken(posted, {"gateway": 6000.0, "valkey": 2000.0})

    report = publish.tell({"paced": [taken]}, [a_round(5)], 1000)

    ours, yard = report.rows
    assert ours.more["cpu_us_per_comment"] == 60 and ours.more["ratio_comment"] == 12
    assert ours.more["valkey_cpu_us"] == 20 and ours.more["posts_per_second"] == 200
    assert "worker_cpu_us" not in ours.more
    assert yard.ratio_to_c_send == 1.0
    ElementTree.fromstring(report.plots["publish.svg"])


@pytest.mark.parametrize("yard", [None, 0.0])
def test_there_is_no_ratio_to_nothing(yard: float | None) -> None:
    assert ratio(5.0, yard) is None


def test_each_round_is_compared_with_the_yardstick_of_its_own_time() -> None:
    # The machine was half as fast in the second round, for both.
    assert in_yards([6.0, 12.0, 6.0], [a_round(5), a_round(10), a_round(5)]) == 1.2
    assert in_yards([6.0], []) is None


def test_a_wide_table_goes_on_under_the_same_names() -> None:
    rows = [Row(f"row {n}", n, more={f"figure number {m}": m for m in range(20)}) for n in (1, 2)]

    lines = row_table(rows, most=80)

    assert all(len(line) <= 90 for line in lines)
    assert len(lines) % 3 == 0 and len(lines) > 3
    assert all(line.strip().startswith("row 1") for line in lines[1::3])
    assert sum("figure number 19" in line for line in lines) == 1
