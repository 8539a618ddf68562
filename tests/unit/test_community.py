"""What an owner may decide, and that no accent makes a page unreadable."""

import random
from pathlib import Path

import pytest

from rooms.community import colour
from rooms.community.rules import Community, checked, from_stored, ordered
from rooms.community.steps import MOST_FIELD, STEPS, Steps
from server.errors import Refused


def test_contrast_agrees_with_known_values():
    assert colour.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert colour.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_mixing_with_nothing_gives_the_colour_back():
    for accent in ("#00756a", "#ff0000", "#123456", "#ffffff", "#000000"):
        assert colour.mix(accent, "#808080", 0) == accent


def test_the_products_own_accent_passes_everywhere():
    assert [pair for pair in colour.check("#00756a") if not pair.passes] == []


def test_the_products_own_tones_are_those_of_the_stylesheet():
    tokens = (Path(__file__).parents[2] / "web/static/tokens.css").read_text()

    for line in colour.stylesheet(colour.PRODUCT).split("{:root{")[1].rstrip("}").split(";")[:-1]:
        assert line.replace(":", ": ", 1).replace(",", ", ") in tokens


def test_every_suggested_accent_passes():
    rng = random.Random(7)
    for _ in range(25):
        accent = f"#{rng.randrange(1 << 24):06x}"

        nearest = colour.nearest_that_passes(accent)

        assert all(pair.passes for pair in colour.check(nearest)), (accent, nearest)


def test_a_pale_accent_is_refused_with_its_ratio_and_a_colour_that_works():
    with pytest.raises(Refused) as refusal:
        checked({"accent": "#ffe680"})

    assert refusal.value.details["field"] == "accent"
    assert checked({"accent": refusal.value.details["nearest"]})
    assert ":1" in refusal.value.message


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "  "},
        {"name": "x" * 41},
        {"name": "a\u0000b"},
        {"accent": "teal"},
        {"accent": "#00756a;}"},
        {"logo": "../etc/passwd"},
        {"logo": "logo.svg"},
        {"languages": []},
        {"languages": ["xx"]},
        {"languages": "ja"},
        {"joining": "friends"},
        {"guests": "yes"},
        {"texts": {"rules.xx": ""}},
        {"texts": {"rules.ja": "x" * 20_001}},
        {"colour": "#000000"},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(changes):
    with pytest.raises(Refused) as refusal:
        checked(changes)

    assert refusal.value.code == "invalid"


def test_a_community_is_read_back_as_it_was_saved():
    changes = {
        "name": "こもれび",
        "accent": "#7a3e9d",
        "languages": ["ar", "ja"],
        "joining": "nobody",
        "guests": False,
        "texts": {"rules.ja": "やさしく。"},
    }

    community = from_stored(checked(changes) | {"something_newer": 1})

    assert community == Community(
        name="こもれび",
        accent="#7a3e9d",
        languages=("ar", "ja"),
        joining="nobody",
        guests=False,
        texts={"rules.ja": "やさしく。"},
    )


def test_the_stylesheet_carries_both_themes_and_nothing_else():
    sheet = colour.stylesheet("#00756a")

    assert "--accent:#00756a;" in sheet
    assert sheet.count("light-dark(") == 6
    assert "url(" not in sheet


def test_the_main_language_comes_first_and_is_one_of_those_offered():
    assert ordered(["ja", "en", "ar"], "ar") == ["ar", "ja", "en"]
    assert ordered([], "ar") == []
    with pytest.raises(Refused) as refusal:
        ordered(["ja", "en"], "ar")
    assert refusal.value.details["field"] == "main"


def test_the_next_step_is_the_first_that_is_not_done():
    steps = Steps().with_done("languages")

    assert steps.next == "look"
    for step in STEPS:
        steps = steps.with_done(step)
    assert (steps.next, steps.done) == (None, STEPS)


def test_a_draft_is_bounded_kept_in_storage_and_forgotten_when_its_step_is_done():
    steps = Steps().with_draft("room", {"title": "a\0b", "about": "x" * (MOST_FIELD + 1)})

    again = from_stored({"steps": steps.stored()}).steps

    assert again.drafts["room"] == {"title": "ab", "about": "x" * MOST_FIELD}
    assert again.with_done("room").drafts == {}


def test_steps_of_another_version_are_left_out():
    stored = {"done": ["look", "horoscope"], "drafts": {"horoscope": {"sign": "fish"}}}

    assert from_stored({"steps": stored}).steps == Steps(("look",))
