"""The face of a community before anybody decided about it."""

from __future__ import annotations

from dataclasses import dataclass

from web.i18n import LANGUAGES


@dataclass(frozen=True, slots=True)
class Community:
    """Name, logo, accent and languages on every page."""

    name: str = "Hiroba"
    logo: str = ""
    accent: str = ""
    languages: tuple[str, ...] = tuple(LANGUAGES)
