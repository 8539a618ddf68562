"""What templates say: sentences, numbers and times in the reader's language, escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from markupsafe import Markup, escape

from rooms.shop.money import shown
from web.i18n import LANGUAGES, PLACEHOLDER, Translator, words_for_script
from web.static_files import module_words

FORMS = ("time", "date", "day", "weekday", "month", "zone", "ago")


def wording(words: Translator, zone: tzinfo) -> dict[str, Any]:
    """Give the functions with which templates speak; times are shown in `zone`."""

    def gettext(message: str, /, **values: Any) -> Markup:
        return filled(words, words.plain(None, message), values)

    def pgettext(context: str, message: str, /, **values: Any) -> Markup:
        return filled(words, words.plain(context, message), values)

    def ngettext(singular: str, plural: str, n: int, /, **values: Any) -> Markup:
        return filled(words, words.counted(singular, plural, n), {"n": n, **values})

    def moment(at: datetime | int, form: str) -> Markup:
        return written_moment(words, zone, at, form)

    def live_words(entry: str) -> Markup:
        return words_block(words, entry)

    def money(amount: int, currency: str) -> str:
        return shown(amount, currency, words.locale)

    return {
        "lang": words.language,
        "dir": words.direction,
        "words": words,
        "language_names": LANGUAGES,
        "_": gettext,
        "pgettext": pgettext,
        "ngettext": ngettext,
        "number": words.number,
        "compact": words.compact,
        "money": money,
        "moment": moment,
        "live_words": live_words,
    }


def filled(words: Translator, text: str, values: Mapping[str, Any]) -> Markup:
    """Fill the places of a sentence; it and its values are escaped, Markup values are not."""

    def put(found: re.Match[str]) -> str:
        value = values[found[1]]
        return str(value if isinstance(value, Markup) else escape(words.written(value)))

    return Markup(PLACEHOLDER.sub(put, str(escape(text))))


def written_moment(words: Translator, zone: tzinfo, at: datetime | int, form: str) -> Markup:
    """Write a time (or ms since 1970), which `core/page.js` rewrites in the reader's own zone."""
    if form not in FORMS:
        raise ValueError(f"no form {form!r} of a time")
    when = datetime.fromtimestamp(at / 1000, UTC) if isinstance(at, int) else at
    ago = form == "ago"
    text = words.ago(when, datetime.now(UTC)) if ago else getattr(words, form)(when, zone)
    stamp = when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" data-form="{}">{}</time>').format(stamp, form, text)


def words_block(words: Translator, entry: str) -> Markup:
    """Write the sentences that a module may say as a JSON block for `core/i18n.js`."""
    said = {"locale": words.tag, "messages": words_for_script(words.language, module_words(entry))}
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return Markup('<script type="application/json" id="words">{}</script>').format(Markup(text))
