"""The colours: contrast in both themes, and values for browsers without light-dark()."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "web/static"
TOKENS = (STATIC / "tokens.css").read_text()
DUAL = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", TOKENS)
}
PLAIN = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", TOKENS))
SURFACES = ("bg", "surface", "surface-2")
PAIRS = [(text, on, 4.5) for text in ("text", "text-2", "text-3") for on in SURFACES] + [
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-press", 4.5),
    ("accent-text", "accent-soft", 4.5),
    ("accent-text", "surface", 4.5),
    ("accent-text", "surface-2", 4.5),
    ("accent-text", "bg", 4.5),
    ("on-live", "live", 4.5),
    ("warn-text", "warn-soft", 4.5),
    ("warn-text", "surface", 4.5),
    ("warn-text", "bg", 4.5),
    ("danger-text", "danger-soft", 4.5),
    ("danger-text", "surface", 4.5),
    ("danger-text", "surface-2", 4.5),
    ("danger-text", "bg", 4.5),
    ("text", "accent-soft", 4.5),
    ("text-2", "accent-soft", 4.5),
    ("text-2", "surface-3", 4.5),
    ("text-2", "warn-soft", 4.5),
    ("surface", "text", 4.5),
    ("ov-on-accent", "ov-accent", 4.5),
    ("line-strong", "surface", 3),
    ("line-strong", "surface-2", 3),
    ("line-strong", "bg", 3),
    ("accent", "surface", 3),
    ("focus", "surface", 3),
    ("focus", "bg", 3),
    ("focus", "accent-soft", 3),
    ("focus", "warn-soft", 3),
]


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def value(name: str, theme: int) -> str:
    return DUAL[name][theme] if name in DUAL else PLAIN[name]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_a_pair_of_colours_has_enough_contrast(front, back, least, theme):
    assert contrast(value(front, theme), value(back, theme)) >= least


def test_every_light_colour_also_stands_alone_for_browsers_without_light_dark():
    assert {name: PLAIN.get(name) for name in DUAL} == {n: light for n, (light, _) in DUAL.items()}


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.css")), ids=lambda path: path.name)
def test_a_stylesheet_knows_no_left_and_right(path):
    sides = re.findall(
        r"(?:margin|padding|border|inset)-(?:left|right)|[;{ ](?:left|right): |"
        r"(?:float|clear|text-align): ?(?:left|right)",
        path.read_text(),
    )

    assert sides == []
