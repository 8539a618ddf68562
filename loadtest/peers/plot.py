"""Draws the table of peers as bars, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from loadtest.report import Row, Value

WIDTH: Final = 960
NAMES: Final = 260
"""Where the bars begin."""
COLUMN, SPACE, STEP, BAR, TOP, BOTTOM = 300, 50, 30, 16, 84, 42
MOST: Final = (12.0, 12.0)
"""Where the axis of each column ends; what is longer is cut and says so by its number."""
TICKS: Final = (0, 1, 2, 4, 6, 8, 10, 12)

STYLE: Final = """
  .page { fill: #ffffff; stroke: #d8dde3 }
  text { fill: #1f2328; font: 13px system-ui, sans-serif }
  .head { font-weight: 600; font-size: 14px }
  .quiet { fill: #59636e; font-size: 11px }
  .ours { fill: #0f766e } .peer { fill: #8c96a3 }
  .axis { stroke: #e4e8ec } .one { stroke: #c2410c; stroke-dasharray: 4 3 }
  .bold { font-weight: 600 }
  .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 } .quiet { fill: #9198a1 }
    .ours { fill: #2dd4bf } .peer { fill: #6e7681 }
    .axis { stroke: #21262d } .one { stroke: #fb923c } .value { stroke: #0d1117 }
  }
"""


class Column(NamedTuple):
    """One of the two things that were measured."""

    title: str
    name: str
    x: int


COLUMNS: Final = (
    Column("one comment at a time", "ratio_to_c_send", NAMES),
    Column("{rate:g} comments a second", "busy_ratio_to_c_send", NAMES + COLUMN + SPACE),
)


def plot(rows: Sequence[Row], rate: float, machine: Mapping[str, Value]) -> str:
    """Draw the rows of the fewest viewers: what a delivery costs, as a ratio to C `send()`."""
    viewers = min((row.viewers for row in rows), default=0)
    shown = [row for row in rows if row.viewers == viewers and row.name != "C send()"]
    height = TOP + STEP * len(shown) + BOTTOM
    title = f"Server CPU for one delivered comment, {viewers:,} viewers; C send() = 1"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>',
        f'<text class="head" x="20" y="30">{escape(title)}</text>',
    ]
    bottom = TOP + STEP * len(shown)
    for column, most in zip(COLUMNS, MOST, strict=True):
        parts += _axis(column, column.title.format(rate=rate), most, bottom)
        for number, row in enumerate(shown):
            parts += _bar(column, most, row, TOP + STEP * number)
    for number, row in enumerate(shown):
        strong = " bold" if _is_ours(row) else ""
        y = TOP + STEP * number + BAR - 3
        parts.append(
            f'<text class="name{strong}" x="{NAMES - 10}" y="{y}" text-anchor="end">'
            f"{escape(row.name)}</text>"
        )
    where = f"{machine.get('machine', '')}, {machine.get('cpus', '')} CPUs, "
    where += str(machine.get("date", ""))[:10]
    parts.append(f'<text class="quiet" x="20" y="{height - 14}">{escape(where)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _axis(column: Column, title: str, most: float, bottom: int) -> list[str]:
    parts = [f'<text class="quiet" x="{column.x}" y="54">{title}</text>']
    for tick in TICKS:
        x = column.x + COLUMN * tick / most
        kind = "one" if tick == 1 else "axis"
        parts += [
            f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom}"/>',
            f'<text class="quiet" x="{x:.1f}" y="{TOP - 13}" text-anchor="middle">{tick}</text>',
        ]
    return parts


def _bar(column: Column, most: float, row: Row, y: int) -> list[str]:
    value = row.value().get(column.name)
    if not isinstance(value, int | float):
        return []
    length = COLUMN * min(value, most) / most
    kind = "ours" if _is_ours(row) else "peer"
    parts = [
        f'<rect class="bar {kind}" x="{column.x}" y="{y}" width="{max(length, 1.5):.1f}" '
        f'height="{BAR}" rx="2"/>'
    ]
    label = f"{value:.2f}" if value < 10 else f"{value:.0f}"
    if value > most:
        # A gap across the bar says that it goes on.
        cut = column.x + length - 22
        parts.append(
            f'<path class="page" stroke="none" style="stroke:none" '
            f'd="M{cut},{y + BAR} l6,-{BAR} h5 l-6,{BAR} z"/>'
        )
    if "lost" in row.more:
        label += " (lost some)"
    x = column.x + length + 6
    parts.append(f'<text class="value" x="{x:.1f}" y="{y + BAR - 3}">{label}</text>')
    return parts


def _is_ours(row: Row) -> bool:
    return row.name.startswith("Hiroba")
