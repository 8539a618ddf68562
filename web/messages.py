"""Finds every sentence of templates, pages and scripts, and keeps the catalogues in step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from web.i18n import LANGUAGES, LOCALES, PLURALS

WEB = Path(__file__).parent
Method = str | Callable[..., Any]
ScriptKey = tuple[str | None, str, str | None]
"""Context, sentence, plural sentence."""

SCRIPT_KEYWORDS: dict[str, Any] = {"t": None, "tn": (1, 2), "tc": ((1, "c"), 2)}
PAGE_KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "pgettext": ((1, "c"), 2),
    "ngettext": (1, 2),
}
SHARED = "base"


@dataclass(slots=True)
class Found:
    """One sentence and the files that say it."""

    context: str | None
    singular: str
    plural: str | None
    area: str
    places: list[str] = field(default_factory=list)


def script_keys(source: bytes) -> list[ScriptKey]:
    """Give the sentences of one script: `t("…")`, `tn("…", "…", n)`, `tc("context", "…")`."""
    return list(_keys("javascript", source, SCRIPT_KEYWORDS))


def find_all(web: Path = WEB) -> dict[tuple[str | None, str], Found]:
    """Find every sentence; ValueError when one has two different plurals."""
    found: dict[tuple[str | None, str], Found] = {}
    for path, method, keywords in _sources(web):
        for context, singular, plural in _keys(method, path.read_bytes(), keywords):
            place = path.relative_to(web).as_posix()
            known = found.setdefault(
                (context, singular), Found(context, singular, plural, area_of(place))
            )
            if known.plural != plural:
                raise ValueError(f"{place}: {singular!r} stands with two plurals")
            known.places.append(place)
    return found


def area_of(place: str) -> str:
    """Name the catalogue for a file: live.html, live/stage.js and pages/live.py are all `live`."""
    parts = place.split("/")
    if parts[0] == "static":
        return parts[1] if len(parts) > 2 and parts[1] not in ("core", "room") else SHARED
    if parts[0] in ("templates", "pages"):
        name = (parts[1] if len(parts) > 2 else parts[-1]).split(".")[0].lstrip("_")
        return SHARED if name in ("base", "macros", "rendering", "") else name
    return SHARED


def update(locales: Path = LOCALES, web: Path = WEB) -> list[str]:
    """Add what is new to the catalogues, drop what nobody says; give what lacks a translation."""
    found = find_all(web)
    lacking: list[str] = []
    for language in LANGUAGES:
        folder = locales / language
        folder.mkdir(parents=True, exist_ok=True)
        known = {path.stem: read(path, language) for path in sorted(folder.glob("*.po"))}
        home = {(m.context, _id(m)): area for area, c in known.items() for m in c if m.id}
        fresh: dict[str, Catalog] = {}
        for key, item in sorted(found.items(), key=lambda entry: (entry[0][1], entry[0][0] or "")):
            area = home.get(key, item.area)
            old = known[area].get(item.singular, item.context) if key in home else None
            string = _string(item, old, language)
            if not _complete(string):
                lacking.append(f"{language}/{area}: {item.singular}")
            catalogue = fresh.setdefault(area, Catalog(locale=language))
            name = item.singular if item.plural is None else (item.singular, item.plural)
            notes = old.auto_comments if old else []
            catalogue.add(name, string, context=item.context, auto_comments=notes)
        for area in known.keys() | fresh.keys():
            path = folder / f"{area}.po"
            if area in fresh:
                path.write_bytes(written(fresh[area], language))
            else:
                path.unlink()
    return lacking


def read(path: Path, language: str) -> Catalog:
    """Read one catalogue as it stands, unfinished entries included."""
    with path.open("rb") as file:
        return read_po(file, locale=language)


def written(catalogue: Catalog, language: str) -> bytes:
    """Write a catalogue: a short header that never changes, entries sorted, lines unbroken."""
    body = BytesIO()
    write_po(body, catalogue, width=0, no_location=True, omit_header=True, sort_output=True)
    forms, rule = PLURALS[language]
    header = (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Plural-Forms: nplurals={forms}; plural=({rule});\\n"\n\n'
    )
    return header.encode() + body.getvalue().rstrip() + b"\n"


def _sources(web: Path) -> Iterator[tuple[Path, Method, dict[str, Any]]]:
    for path in sorted((web / "templates").rglob("*.html")):
        yield path, babel_extract, PAGE_KEYWORDS
    for path in sorted(web.rglob("*.py")):
        yield path, "python", PAGE_KEYWORDS
    for path in sorted((web / "static").rglob("*.js")):
        yield path, "javascript", SCRIPT_KEYWORDS


def _keys(method: Method, source: bytes, keywords: dict[str, Any]) -> Iterator[ScriptKey]:
    options = {"encoding": "utf-8", "silent": "false"}
    for _, message, _, context in extract(method, BytesIO(source), keywords, (), options):
        if isinstance(message, tuple):
            yield context, message[0], message[1] if len(message) > 1 else None
        else:
            yield context, message, None


def _id(message: Message) -> str:
    return message.id[0] if isinstance(message.id, tuple | list) else message.id


def _string(item: Found, old: Message | None, language: str) -> str | tuple[str, ...]:
    if language == "en":
        return item.singular if item.plural is None else (item.singular, item.plural)
    count = PLURALS[language][0] if item.plural is not None else 0
    if old is None or old.fuzzy:
        return ("",) * count if count else ""
    if not count:
        return old.string if isinstance(old.string, str) else ""
    return tuple(old.string) if isinstance(old.string, tuple | list) else ("",) * count


def _complete(string: str | tuple[str, ...]) -> bool:
    return bool(string) if isinstance(string, str) else all(string)


def main() -> int:
    """Update the catalogues; print what still lacks a translation, exit 1 when something does."""
    lacking = update()
    for line in lacking:
        print(line)
    print(f"{len(lacking)} sentences lack a translation" if lacking else "every sentence is there")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
