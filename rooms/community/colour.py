"""Turns an accent colour into the few tones that the pages use, and measures their contrast."""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.errors import Refused

TEXT, CONTROL = 4.5, 3.0
"""WCAG 2.2 AA: the least contrast of text, and of a control against what is around it."""

LIGHT_SURFACE, LIGHT_PAGE, DARK_SURFACE, DARK_PAGE = "#ffffff", "#f4f6f6", "#131a1b", "#0a0f10"

RGB = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two colours that meet on a page, and how well they are told apart."""

    theme: str
    use: str
    front: str
    back: str
    least: float

    @property
    def ratio(self) -> float:
        """Give the contrast, 1 to 21."""
        return contrast(self.front, self.back)

    @property
    def passes(self) -> bool:
        """Tell whether the contrast is enough for this use."""
        return self.ratio >= self.least


@dataclass(frozen=True, slots=True)
class Tones:
    """The tones of one theme, each `#rrggbb`."""

    accent: str
    press: str
    on_accent: str
    soft: str
    text: str


PRODUCT = "#00756a"
"""The accent of a new community; its tones were chosen by eye and stand in tokens.css."""
PRODUCT_TONES = (
    Tones("#00756a", "#005c53", "#ffffff", "#d9f3ed", "#00645a"),
    Tones("#35d6b0", "#5fe3c4", "#00231c", "#0d3730", "#62e5c6"),
)


def parse(accent: str) -> str:
    """Give `#rrggbb` in lower case; Refused("invalid") when it is no such colour."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", accent):
        raise Refused("invalid", "The accent is a colour like #00756a.", field="accent")
    return accent.lower()


def contrast(one: str, other: str) -> float:
    """Give the WCAG contrast ratio of two `#rrggbb` colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def tones(accent: str) -> tuple[Tones, Tones]:
    """Derive the tones for the light and the dark theme; the light accent is the owner's own."""
    if accent == PRODUCT:
        return PRODUCT_TONES
    light = Tones(
        accent=accent,
        press=mix(accent, "#000000", 0.2),
        on_accent=_better(accent, "#ffffff", "#10201d"),
        soft=mix(accent, "#ffffff", 0.86),
        text=_until(accent, "#000000", mix(accent, "#ffffff", 0.86)),
    )
    bright = _until(mix(accent, "#ffffff", 0.25), "#ffffff", DARK_SURFACE)
    soft = mix(accent, DARK_SURFACE, 0.72)
    dark = Tones(
        accent=bright,
        press=mix(bright, "#ffffff", 0.25),
        on_accent=_better(bright, "#04110e", "#ffffff"),
        soft=soft,
        text=_until(bright, "#ffffff", soft),
    )
    return light, dark


def check(accent: str) -> list[Pair]:
    """Measure every pair that an accent takes part in, in both themes."""
    light, dark = tones(accent)
    return [
        Pair("light", "button", light.on_accent, light.accent, TEXT),
        Pair("light", "pressed", light.on_accent, light.press, TEXT),
        Pair("light", "control", light.accent, LIGHT_SURFACE, CONTROL),
        Pair("light", "page", light.accent, LIGHT_PAGE, CONTROL),
        Pair("light", "text", light.text, light.soft, TEXT),
        Pair("dark", "button", dark.on_accent, dark.accent, TEXT),
        Pair("dark", "pressed", dark.on_accent, dark.press, TEXT),
        Pair("dark", "control", dark.accent, DARK_SURFACE, CONTROL),
        Pair("dark", "page", dark.accent, DARK_PAGE, CONTROL),
        Pair("dark", "text", dark.text, dark.soft, TEXT),
    ]


def nearest_that_passes(accent: str) -> str:
    """Darken an accent just until every pair passes; black passes always."""
    for step in range(101):
        candidate = mix(accent, "#000000", step / 100)
        if all(pair.passes for pair in check(candidate)):
            return candidate
    return "#000000"


def stylesheet(accent: str) -> str:
    """Write the CSS that lays an accent over the tokens, with plain values for old browsers."""
    light, dark = tones(accent)
    names = {
        "--accent": (light.accent, dark.accent),
        "--accent-press": (light.press, dark.press),
        "--on-accent": (light.on_accent, dark.on_accent),
        "--accent-soft": (light.soft, dark.soft),
        "--accent-text": (light.text, dark.text),
    }
    plain = "".join(f"{name}:{pair[0]};" for name, pair in names.items())
    both = "".join(f"{name}:light-dark({a},{b});" for name, (a, b) in names.items())
    return f":root{{{plain}}}@supports (color:light-dark(#000,#fff)){{:root{{{both}}}}}"


def mix(colour: str, other: str, share: float) -> str:
    """Mix `share` (0 to 1) of another colour into one, evenly to the eye (in OKLab)."""
    a, b = _oklab(colour), _oklab(other)
    return _hex(tuple(x + (y - x) * share for x, y in zip(a, b, strict=True)))  # type: ignore[arg-type]


def _until(colour: str, towards: str, back: str) -> str:
    for step in range(101):
        candidate = mix(colour, towards, step / 100)
        if contrast(candidate, back) >= TEXT:
            return candidate
    return towards


def _better(back: str, first: str, second: str) -> str:
    if contrast(first, back) >= TEXT:
        return first
    return max(first, second, key=lambda front: contrast(front, back))


def _linear(colour: str) -> RGB:
    def channel(value: int) -> float:
        v = value / 255
        return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4

    red, green, blue = (channel(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _oklab(colour: str) -> RGB:
    r, g, b = _linear(colour)
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _hex(lab: RGB) -> str:
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )

    def channel(value: float) -> int:
        v = min(1.0, max(0.0, value))
        return round(255 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055))

    return "#" + "".join(f"{channel(value):02x}" for value in linear)
