"""What a load test tells: tables for people, report.json for programs, plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from loadtest.machine import machine
from loadtest.plots import latency_plot

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

Value = str | int | float


@dataclass(slots=True)
class Row:
    """One line of the report: something measured with a number of viewers."""

    name: str
    viewers: int
    cpu_us_per_delivery: float | None = None
    ratio_to_c_send: float | None = None
    rss_kb_per_connection: float | None = None
    latency_ms: dict[str, float] = field(default_factory=dict)
    more: dict[str, Value] = field(default_factory=dict)
    """Further figures by name, which stand beside the others in report.json."""

    def value(self) -> dict[str, object]:
        """Give what report.json holds of it: only what was measured."""
        named: dict[str, object] = {"name": self.name, "viewers": self.viewers}
        for name in ("cpu_us_per_delivery", "ratio_to_c_send", "rss_kb_per_connection"):
            if (figure := getattr(self, name)) is not None:
                named[name] = figure
        if self.latency_ms:
            named["latency_ms"] = self.latency_ms
        return {**named, **self.more}


@dataclass(slots=True)
class Report:
    """The outcome of a run; it passed when there are no problems."""

    scenario: str
    facts: dict[str, Value] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    over_time: list[tuple[int, list[float]]] = field(default_factory=list)
    """Second of the run, and latencies in ms at each of SHARES."""
    rows: list[Row] = field(default_factory=list)
    plots: dict[str, str] = field(default_factory=dict)
    """SVG by the name of its file; latency over time is drawn from `over_time` beside them."""
    machine: dict[str, Value] = field(default_factory=machine)

    @property
    def passed(self) -> bool:
        """Whether every check held."""
        return not self.problems


def table(report: Report) -> str:
    """Give the report as lines of text."""
    rows = [(name.replace("_", " "), _number(value)) for name, value in report.facts.items()]
    rows += [(f"latency {name}", f"{value:.1f} ms") for name, value in report.latency_ms.items()]
    rows += [(f"CPU {name}", f"{value:.2f} s") for name, value in report.cpu_seconds.items()]
    width = max((len(name) for name, _ in rows), default=0)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    lines += row_table(report.rows)
    lines += [f"  PROBLEM  {problem}" for problem in report.problems]
    lines.append("  measured on " + ", ".join(f"{n} {v}" for n, v in report.machine.items()))
    return "\n".join([*lines, f"{report.scenario}: {'passed' if report.passed else 'FAILED'}"])


def row_table(rows: Sequence[Row], most: int = 120) -> list[str]:
    """Give rows as lines of text with a column for each figure that one of them has.

    Columns beyond `most` characters follow in further blocks, under the same names.
    """
    if not rows:
        return []
    flat = [_flat(row.value()) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    columns = [
        [name.replace("_", " "), *(_number(row[name]) if name in row else "" for row in flat)]
        for name in names
    ]
    padded = [_padded(column, left=not number) for number, column in enumerate(columns)]
    blocks: list[list[list[str]]] = [padded[:2]]
    for column in padded[2:]:
        if sum(len(each[0]) + 2 for each in (*blocks[-1], column)) > most:
            blocks.append(padded[:2])
        blocks[-1].append(column)
    lines = []
    for block in blocks:
        lines += [("  " + "  ".join(cells)).rstrip() for cells in zip(*block, strict=True)]
    return lines


def _padded(cells: Sequence[str], *, left: bool) -> list[str]:
    width = max(map(len, cells))
    return [cell.ljust(width) if left else cell.rjust(width) for cell in cells]


def _flat(row: Mapping[str, object]) -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name.removesuffix('_ms')} {key} ms": each for key, each in value.items()}
        elif isinstance(value, str | int | float):
            flat[name] = value
    return flat


def write(report: Report, folder: Path) -> None:
    """Write report.json, run.json and the plots into a folder, made where it is missing.

    report.json is the list of rows, each with the machine and the date; run.json is the whole run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"scenario": report.scenario, **row.value(), **report.machine} for row in report.rows]
    _write_json(folder / "report.json", rows)
    whole = asdict(report)
    del whole["plots"]
    _write_json(folder / "run.json", {"passed": report.passed, **whole})
    plots = dict(report.plots)
    if report.over_time:
        plots["latency.svg"] = latency_plot(report.scenario, report.over_time)
    for name, svg in plots.items():
        (folder / name).write_text(svg, encoding="utf-8")


def _write_json(path: Path, value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def cpu_of(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Give what each process used between two readings."""
    return {name: used - before.get(name, 0.0) for name, used in after.items()}


def _number(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if abs(value) >= 100 or value == 0 else f"{value:,.3g}"


def joined(lists: Sequence[Sequence[str]], most: int = 20) -> list[str]:
    """Join lists of problems, and say how many are not shown beyond `most`."""
    flat = [each for one in lists for each in one]
    return flat if len(flat) <= most else [*flat[:most], f"and {len(flat) - most} more problems"]
