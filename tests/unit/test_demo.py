"""The demo's texts fit together, and its picture moves without a jump where the clip repeats."""

import pytest

from moderation.names import name_key
from moderation.rules import Rank
from rooms.shop.catalogue.rules import MEDIA, read_draft
from web.demo import clip, goods
from web.demo.community import SIGN_INS, lines, people, texts
from web.demo.people import language_of


def test_whoever_speaks_is_one_of_the_people():
    known = people()
    speakers = {line.by for said in texts()["said"] for line in lines(said)}
    chatter = texts()["chatter"]
    speakers |= {line[0] for line in (*chatter["lines"], *chatter["questions"])}

    assert speakers <= set(known)
    assert set(SIGN_INS) <= set(known)


def test_no_two_people_have_names_that_look_alike():
    keys = [name_key(person.name) for person in people().values()]

    assert len(set(keys)) == len(keys)


def test_every_role_can_be_tried():
    roles = {people()[key].rank for key in SIGN_INS}

    assert roles == {Rank.MEMBER, Rank.MODERATOR, Rank.HOST, Rank.OWNER}


def test_every_text_fits_the_limits_of_a_comment():
    everything = [line.text for said in texts()["said"] for line in lines(said)]
    everything += [line[1] for line in texts()["chatter"]["lines"]]

    assert all(0 < len(text) <= 500 for text in everything)


def test_the_broadcasts_are_over_on_air_and_to_come():
    states = {show["state"]: show["minutes"] for show in texts()["broadcasts"]}

    assert set(states) == {"scheduled", "live", "ended"}
    assert states["scheduled"] < 0 < states["live"] < states["ended"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("敏感肌でも使えますか?", "ja"),
        ("هل يناسب البشرة؟", "ar"),
        ("ใช้ได้ไหมคะ", "th"),
        ("Is it safe?", "en"),
        ("👏👏", "en"),
        ("", "en"),
    ],
)
def test_the_host_answers_in_the_language_of_the_question(text, language):
    assert language_of(text) == language
    assert texts()["chatter"]["automatic_answer"][language]


def test_the_clip_ends_where_it_begins():
    start, end = clip.pose(0.0), clip.pose(float(clip.SECONDS))

    assert start == pytest.approx(end, abs=1e-6)


def test_the_music_ends_as_quietly_as_it_begins():
    samples = clip.sound()

    assert len(samples) == clip.SECONDS * clip.SAMPLE_RATE
    assert abs(samples[0] - samples[-1]) < 1500


def test_the_picture_is_a_picture():
    assert clip.picture(1.0).startswith(b"\x89PNG")


def test_every_product_can_be_entered_as_it_stands_and_has_a_drawing(tmp_path):
    products = texts()["products"]
    for product in products:
        variants = [
            {**variant, "was_price": variant.get("was"), "total": variant["stock"]}
            for variant in product["variants"]
        ]
        read_draft({**product, "currency": "JPY", "variants": variants})

    goods.draw(tmp_path)

    assert len({product["code"] for product in products}) == len(products) == 5
    assert [product["key"] for product in products if product.get("pinned")] == ["serum"]
    for product in products:
        drawn = tmp_path / f"demo-{product['key']}.png"
        assert drawn.read_bytes().startswith(b"\x89PNG")
        assert MEDIA.fullmatch(f"/media/{drawn.name}")
