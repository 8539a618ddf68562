"""Plots as SVG: latency over time, and bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 900, 360, 70, 40, 20, 50
COLOURS = {"p50": "#1b7f5c", "p95": "#b26a00", "p99": "#b3261e"}

OverTime = Sequence[tuple[int, Sequence[float]]]
"""Second of the run, and latencies in ms, one for each of COLOURS."""


class Bar(NamedTuple):
    """One bar: what it shows, how long it is, and what was to be reached, if anything."""

    label: str
    value: float
    reach: float | None = None


BAR_HEIGHT, BAR_STEP, LABELS = 16, 26, 330


def latency_plot(title: str, over_time: OverTime) -> str:
    """Draw latency over the time of a run, one line for each of COLOURS."""
    last = max((second for second, _ in over_time), default=0) + 1
    highest = _round_up(max((max(values) for _, values in over_time), default=1.0))
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(second: float) -> float:
        return LEFT + inner_width * second / last

    def y(ms: float) -> float:
        return TOP + inner_height * (1 - ms / highest)

    parts = _head(HEIGHT, f"{title}: latency from post to delivery")
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
            f"{x(second + 0.5):.1f},{y(values[index]):.1f}" for second, values in over_time
        )
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
            f'<text x="{WIDTH - RIGHT - 120 + 45 * index}" y="20" fill="{colour}">{name}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def bar_plot(title: str, bars: Sequence[Bar]) -> str:
    """Draw bars under each other; logarithmic where the longest is 50 times the shortest.

    A red mark shows what a bar was to reach.
    """
    values = [value for bar in bars for value in (bar.value, bar.reach or 0.0) if value > 0]
    most, least = max(values, default=1.0), min(values, default=1.0)
    logarithmic = most > 50 * least
    low = 10.0 ** math.floor(math.log10(least)) / 2 if logarithmic else 0.0
    high = most * 1.05
    inner = WIDTH - LABELS - RIGHT - 60

    def length(value: float) -> float:
        if not logarithmic:
            return inner * max(value, 0.0) / high
        return inner * math.log(max(value, low) / low) / math.log(high / low)

    scale = ", logarithmic" if logarithmic else ""
    height = TOP + BAR_STEP * len(bars) + 10
    parts = _head(height, title + scale)
    for number, bar in enumerate(bars):
        y = TOP + BAR_STEP * number
        end = LABELS + length(bar.value)
        parts += [
            f'<text x="{LABELS - 8}" y="{y + 12}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect class="bar" x="{LABELS}" y="{y}" width="{length(bar.value):.1f}" '
            f'height="{BAR_HEIGHT}" fill="#1b7f5c"/>',
            f'<text x="{end + 6:.1f}" y="{y + 12}">{bar.value:.3g}</text>',
        ]
        if bar.reach is not None:
            x = LABELS + length(bar.reach)
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{y + BAR_HEIGHT + 3}" '
                'stroke="#b3261e" stroke-width="2"/>'
            )
    return "\n".join([*parts, "</svg>", ""])


def _head(height: int, title: str) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]


def _round_up(value: float) -> float:
    """Give the next of 1, 2 and 5 times a power of ten."""
    scale = 1.0
    while scale * 10 <= value:
        scale *= 10
    while scale > value:
        scale /= 10
    return next((scale * step for step in (1, 2, 5) if scale * step >= value), scale * 10)
