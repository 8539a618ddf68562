"""What a load test tells: a table for people, report.json for programs, a plot of latency."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 900, 360, 70, 40, 20, 50
COLOURS = {"p50": "#1b7f5c", "p95": "#b26a00", "p99": "#b3261e"}


@dataclass(slots=True)
class Report:
    """The outcome of a run; it passed when there are no problems."""

    scenario: str
    facts: dict[str, str | int | float] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    over_time: list[tuple[int, list[float]]] = field(default_factory=list)
    """Second of the run, and latencies in ms at each of SHARES."""

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
    lines += [f"  PROBLEM  {problem}" for problem in report.problems]
    return "\n".join([*lines, f"{report.scenario}: {'passed' if report.passed else 'FAILED'}"])


def write(report: Report, folder: Path) -> None:
    """Write report.json and latency.svg into a folder, made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    value = {"passed": report.passed, **asdict(report)}
    (folder / "report.json").write_text(
        json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    (folder / "latency.svg").write_text(plot(report), encoding="utf-8")


def plot(report: Report) -> str:
    """Draw latency over the time of the run, one line for each of SHARES, as SVG."""
    last = max((second for second, _ in report.over_time), default=0) + 1
    highest = _round_up(max((max(values) for _, values in report.over_time), default=1.0))
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(second: float) -> float:
        return LEFT + inner_width * second / last

    def y(ms: float) -> float:
        return TOP + inner_height * (1 - ms / highest)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(report.scenario)}: '
        "latency from post to delivery</text>",
    ]
    for step in range(5):
        ms, second = highest * step / 4, last * step / 4
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(ms):.1f}" y2="{y(ms):.1f}" '
            'stroke="#ddd"/>',
            f'<text x="{LEFT - 8}" y="{y(ms) + 4:.1f}" text-anchor="end">{ms:g} ms</text>',
            f'<text x="{x(second):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">'
            f"{second:.0f} s</text>",
        ]
    for index, (name, colour) in enumerate(COLOURS.items()):
        points = " ".join(
            f"{x(second + 0.5):.1f},{y(values[index]):.1f}" for second, values in report.over_time
        )
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
            f'<text x="{WIDTH - RIGHT - 120 + 45 * index}" y="20" fill="{colour}">{name}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def cpu_of(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Give what each process used between two readings."""
    return {name: used - before.get(name, 0.0) for name, used in after.items()}


def _round_up(value: float) -> float:
    """Give the next of 1, 2 and 5 times a power of ten."""
    scale = 1.0
    while scale * 10 <= value:
        scale *= 10
    while scale > value:
        scale /= 10
    return next((scale * step for step in (1, 2, 5) if scale * step >= value), scale * 10)


def _number(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def joined(lists: Sequence[Sequence[str]], most: int = 20) -> list[str]:
    """Join lists of problems, and say how many are not shown beyond `most`."""
    flat = [each for one in lists for each in one]
    return flat if len(flat) <= most else [*flat[:most], f"and {len(flat) - most} more problems"]
