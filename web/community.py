"""What the owner decided about the community's face: name, accent, languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from web.i18n import LANGUAGES


@dataclass(frozen=True, slots=True)
class Community:
    """The face of the community on every page."""

    name: str = "Hiroba"
    languages: tuple[str, ...] = tuple(LANGUAGES)
    """Offered in this order; the first is for those who ask for none of them."""
    logo_url: str = ""
    accent: str = ""
    """A colour as #rrggbb; empty for the product's own."""

    @classmethod
    def from_settings(cls, values: Mapping[str, Any]) -> Community:
        """Read the rows of the `settings` table; what is missing or unusable keeps its default."""
        own = cls()
        name = values.get("community_name")
        offered = values.get("languages")
        known = tuple(x for x in offered if x in LANGUAGES) if isinstance(offered, list) else ()
        return cls(
            name=name if isinstance(name, str) and name else own.name,
            languages=known or own.languages,
            logo_url=str(values.get("logo_url") or ""),
            accent=str(values.get("accent") or ""),
        )
