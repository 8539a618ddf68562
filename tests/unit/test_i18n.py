"""The words of the product: every sentence in every language, in the right form."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from web.i18n import LANGUAGES, LOCALES, choose_language, plural_names, translator, words_for_script
from web.messages import find_all, read

SAME_IN_EVERY_LANGUAGE = {"LIVE"}
"""Sentences that may read the same as in English."""

TRANSLATED = [language for language in LANGUAGES if language != "en"]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def entries(language: str):
    for path in sorted((LOCALES / language).glob("*.po")):
        for message in read(path, language):
            if message.id:
                yield path, message


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_templates_pages_and_scripts_is_translated(language):
    said = translator(language).messages

    lacking = [key for key in find_all() if key not in said]

    assert lacking == [], "run `python -m web.messages` and translate what it names"


def test_no_sentence_of_a_script_hides_where_it_is_not_found():
    said = {key[1] for key in find_all()}
    scripts = (LOCALES.parent / "static").rglob("*.js")
    calls = re.compile(r"\b(?:t|tn)(?:\?\.)?\(\s*'((?:[^'\\]|\\.)*)'")

    hidden = [text for path in scripts for text in calls.findall(path.read_text())]

    assert [text for text in hidden if text not in said] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_catalogue_holds_a_sentence_that_nobody_says(language):
    said = find_all()

    stale = [
        f"{path.name}: {message.id}"
        for path, message in entries(language)
        if (message.context, message.id if isinstance(message.id, str) else message.id[0])
        not in said
    ]

    assert stale == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_entry_is_fuzzy_or_stands_in_two_catalogues(language):
    seen: dict[object, str] = {}
    for path, message in entries(language):
        key = (message.context, message.id)
        assert not message.fuzzy, f"{path.name}: {message.id}"
        assert key not in seen, f"{message.id} stands in {seen[key]} and {path.name}"
        seen[key] = path.name


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_left_in_english(language):
    same = [
        key
        for key, forms in translator(language).messages.items()
        if key[1] in forms and key[1] not in SAME_IN_EVERY_LANGUAGE
    ]

    assert same == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_fill_the_places_of_the_english_sentence(language):
    for (_, message), forms in translator(language).messages.items():
        expected = places(message)
        for form in forms:
            # A plural form may say its number as a word: one, two, none.
            assert places(form) <= expected, form
            assert len(forms) > 1 or places(form) == expected, form


def test_arabic_names_its_six_plural_forms_as_the_browser_does():
    assert plural_names("ar") == ("zero", "one", "two", "few", "many", "other")
    assert plural_names("en") == ("one", "other")
    assert plural_names("ja") == plural_names("th") == ("other",)


@pytest.mark.parametrize(
    ("n", "form"),
    [(0, "zero"), (1, "one"), (2, "two"), (5, "few"), (38, "many"), (100, "other")],
)
def test_arabic_chooses_the_plural_form_by_number(n, form):
    words = translator("ar")

    assert plural_names("ar")[words.plural_index(n)] == form


def test_a_counted_sentence_takes_the_form_of_its_number():
    said = [
        translator("ar").ngettext("Try again in {n} second.", "Try again in {n} seconds.", n)
        for n in (1, 2, 5, 38)
    ]

    assert len(set(said)) == 4
    assert "38" in said[3]


def test_a_script_gets_every_plural_form_under_the_english_key():
    key = (None, "Try again in {n} second.", "Try again in {n} seconds.")

    assert set(words_for_script("ar", [key])[key[1]]) == set(plural_names("ar"))
    assert words_for_script("en", [key]) == {key[1]: {"one": key[1], "other": key[2]}}


def test_a_script_gets_no_sentence_that_reads_the_same_in_english():
    assert words_for_script("en", [(None, "Home", None)]) == {}


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "chosen"),
    [
        ("th", "ar", "ja", "th"),
        (None, "ar", "ja", "ar"),
        (None, None, "fr, ja-JP;q=0.8, en;q=0.3", "ja"),
        ("xx", "yy", "de", "en"),
        (None, None, ";;q=x,,*;q=nonsense", "en"),
        (None, None, "ar;q=0", "en"),
    ],
)
def test_the_language_is_what_was_asked_remembered_or_accepted(asked, remembered, accepted, chosen):
    language = choose_language(
        asked=asked, remembered=remembered, accepted=accepted, offered=("en", "ja", "ar", "th")
    )

    assert language == chosen


def test_a_language_the_community_does_not_offer_is_not_chosen():
    assert choose_language(asked="ar", remembered=None, accepted="", offered=("ja",)) == "ja"


def test_numbers_and_times_are_written_as_the_language_does():
    at, tokyo = datetime(2026, 11, 21, 11, 5, tzinfo=UTC), ZoneInfo("Asia/Tokyo")

    assert translator("ar").number(12480) == "12,480"
    assert translator("ja").compact(32_000) == "3.2万"
    assert translator("ja").compact(842) == "842"
    assert translator("ja").time(at, tokyo) == "20:05"
    assert translator("ja").day(at, tokyo) == "11月21日(土)"
    assert translator("ar").date(at, tokyo, now=at) == "21 نوفمبر"
    assert translator("th").date(at, tokyo, now=datetime(2030, 1, 1, tzinfo=UTC)).endswith("2569")
