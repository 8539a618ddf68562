"""The words of the product in the reader's language: catalogues, plural forms, numbers, dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from gettext import c2py
from pathlib import Path
from typing import Any

from babel.core import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_compact_decimal, format_decimal

LANGUAGES: Mapping[str, str] = {"ja": "日本語", "ar": "العربية", "th": "ไทย", "en": "English"}
"""Every language of the product by its own name."""

# gettext's own rules. Babel numbers the last two Arabic forms the other way round, and no
# translator's tool does.
PLURALS: Mapping[str, tuple[int, str]] = {
    "ja": (1, "0"),
    "th": (1, "0"),
    "en": (2, "n != 1"),
    "ar": (
        6,
        "n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5",
    ),
}
"""How many plural forms a language has, and which index a number takes."""

LOCALES = Path(__file__).parent / "locales"
PLACEHOLDER = re.compile(r"\{(\w+)\}")

Key = tuple[str | None, str]
"""Context and the English sentence."""


@dataclass(frozen=True)
class Translator:
    """Says the product's sentences in one language."""

    language: str
    locale: Locale
    messages: Mapping[Key, tuple[str, ...]]
    plural_index: Callable[[int], int]

    @property
    def direction(self) -> str:
        """Give `ltr` or `rtl`."""
        return self.locale.text_direction

    @property
    def tag(self) -> str:
        """Give the BCP 47 tag for the browser's Intl; Arabic is written with Latin digits."""
        return "ar-u-nu-latn" if self.language == "ar" else self.language

    def gettext(self, message: str, /, **values: Any) -> str:
        """Translate one sentence and fill its `{name}` places."""
        return self.fill(self.plain(None, message), values)

    def pgettext(self, context: str, message: str, /, **values: Any) -> str:
        """Translate a sentence whose meaning depends on where it stands."""
        return self.fill(self.plain(context, message), values)

    def ngettext(self, singular: str, plural: str, n: int, /, **values: Any) -> str:
        """Translate a sentence about `n` things; `{n}` is filled too."""
        return self.fill(self.counted(singular, plural, n), {"n": n, **values})

    def counted(self, singular: str, plural: str, n: int) -> str:
        """Give the form for `n`, its places still empty."""
        forms = self.messages.get((None, singular))
        if not forms:
            return singular if n == 1 else plural
        return forms[min(self.plural_index(n), len(forms) - 1)]

    def fill(self, text: str, values: Mapping[str, Any]) -> str:
        """Put values into the `{name}` places; whole numbers are written as the locale does."""
        return PLACEHOLDER.sub(lambda found: self.written(values[found[1]]), text)

    def written(self, value: Any) -> str:
        """Write one value: whole numbers in the locale's way, anything else as it is."""
        if isinstance(value, int) and not isinstance(value, bool):
            return self.number(value)
        return str(value)

    def number(self, value: int | float) -> str:
        """Write a number, like 12,480."""
        return str(format_decimal(value, locale=self.locale))

    def compact(self, value: int) -> str:
        """Write a large number short, like 32K or 3.2万."""
        digits = 1 if abs(value) >= 1000 else 0
        return str(format_compact_decimal(value, locale=self.locale, fraction_digits=digits))

    def date(self, at: datetime, zone: tzinfo, *, now: datetime | None = None) -> str:
        """Write day and month, and the year when it is not the present one."""
        local = at.astimezone(zone)
        day = self._day(local)
        if local.year == (now or datetime.now(UTC)).astimezone(zone).year:
            return day
        # Thai readers count years in the Buddhist era, which Babel does not know.
        return f"{day} {local.year + 543 if self.language == 'th' else local.year}"

    def day(self, at: datetime, zone: tzinfo) -> str:
        """Write weekday, day and month, like Thu, 19 Nov."""
        local = at.astimezone(zone)
        weekday = format_date(local, "EEE" if self.language != "ar" else "EEEE", locale=self.locale)
        if self.language == "ja":
            return f"{self._day(local)}({weekday})"
        return f"{weekday}{'،' if self.language == 'ar' else ','} {self._day(local)}"

    def weekday(self, at: datetime, zone: tzinfo) -> str:
        """Write the short name of the weekday."""
        return format_date(at.astimezone(zone), "EEE", locale=self.locale)

    def month(self, at: datetime, zone: tzinfo) -> str:
        """Write the short name of the month."""
        return format_date(at.astimezone(zone), "LLL", locale=self.locale)

    def time(self, at: datetime, zone: tzinfo) -> str:
        """Write hours and minutes."""
        return format_time(at.astimezone(zone), "short", locale=self.locale)

    def zone(self, at: datetime, zone: tzinfo) -> str:
        """Name the time zone, like UTC or JST."""
        return format_datetime(at.astimezone(zone), "z", locale=Locale("en"))

    def ago(self, at: datetime, now: datetime) -> str:
        """Write how long ago something was, like 12 minutes ago."""
        return format_timedelta(at - now, add_direction=True, locale=self.locale, threshold=1)

    def plain(self, context: str | None, message: str) -> str:
        """Give the translation, its places still empty; the English when there is none."""
        forms = self.messages.get((context, message))
        return forms[0] if forms else message

    def _day(self, local: datetime) -> str:
        return format_date(
            local, "M月d日" if self.language == "ja" else "d MMM", locale=self.locale
        )


@cache
def translator(language: str) -> Translator:
    """Load every catalogue of a language; KeyError for a language the product has not."""
    if language not in LANGUAGES:
        raise KeyError(language)
    messages: dict[Key, tuple[str, ...]] = {}
    for path in sorted((LOCALES / language).glob("*.po")):
        for key, forms in read_catalogue(path, language).items():
            messages.setdefault(key, forms)
    return Translator(language, Locale.parse(language), messages, c2py(PLURALS[language][1]))


def read_catalogue(path: Path, language: str) -> dict[Key, tuple[str, ...]]:
    """Read the finished entries of one .po file; what is empty or fuzzy is left out."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    found: dict[Key, tuple[str, ...]] = {}
    for message in catalogue:
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and not message.fuzzy and all(forms):
            singular = message.id[0] if isinstance(message.id, tuple | list) else message.id
            found[(message.context, singular)] = tuple(str(form) for form in forms)
    return found


@cache
def plural_names(language: str) -> tuple[str, ...]:
    """Name the gettext plural forms of a language as Intl.PluralRules does, in gettext's order."""
    words = translator(language)
    names: dict[int, str] = {}
    for n in range(201):
        names.setdefault(words.plural_index(n), words.locale.plural_form(n))
    return tuple(names[index] for index in sorted(names))


def words_for_script(
    language: str, keys: Iterable[tuple[str | None, str, str | None]]
) -> dict[str, str | dict[str, str]]:
    """Give what `core/i18n.js` needs for (context, sentence, plural) keys, by the English key.

    A sentence that reads the same in English is left out: the script falls back to its key.
    """
    words = translator(language)
    found: dict[str, str | dict[str, str]] = {}
    for context, message, plural in keys:
        key = message if context is None else f"{context}\x04{message}"
        forms = words.messages.get((context, message))
        if plural is not None:
            every = forms or (message, plural)
            found[key] = dict(zip(plural_names(language), every, strict=False))
        elif forms and forms[0] != message:
            found[key] = forms[0]
    return found


def choose_language(
    *, asked: str | None, remembered: str | None, accepted: str, offered: Iterable[str]
) -> str:
    """Choose by ?lang, then the cookie, then Accept-Language, then the community's first."""
    languages = [language for language in offered if language in LANGUAGES] or list(LANGUAGES)
    for wanted in (asked, remembered, *_by_weight(accepted)):
        if wanted and (base := wanted.lower().split("-")[0]) in languages:
            return base
    return languages[0]


def _by_weight(header: str) -> list[str]:
    """Order the tags of an Accept-Language header, best first; nonsense weighs nothing."""
    weighted: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.partition("=")[2]) if parameter else 1.0
        except ValueError:
            weight = 0.0
        if tag and weight > 0:
            weighted.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighted, key=lambda item: -item[0])]
