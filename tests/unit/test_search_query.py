"""Weights, the bounded plan, and the exact ranking."""

from __future__ import annotations

from uuid import UUID

import pytest

from rooms.search.query import BUCKETS, CAP, READ, plan
from rooms.search.rank import rank, scores
from rooms.search.tokens import tokens
from rooms.search.weights import GRAM_WEIGHT, Statistics

MOMENTS = [UUID(int=n) for n in range(101)]
MILLION = Statistics.of(
    1_000_000,
    {
        "the": 0.3,
        "ship": 0.01,
        "card": 0.04,
        "lost": 0.0002,
        "rare": 0.0001,
        "です": 0.2,
        "ます": 0.1,
        "_من": 0.02,
        "كتا": 0.0004,
    },
    MOMENTS,
)


def test_a_token_without_statistics_counts_as_rare() -> None:
    assert MILLION.frequency("neverseen") == pytest.approx(50)
    assert MILLION.weight("neverseen") > MILLION.weight("rare")
    assert Statistics().frequency("anything") == 1


def test_a_weight_is_taken_among_rows_of_the_same_script() -> None:
    little_word = MILLION.weight("_من")
    as_rare_in_english = MILLION.weight("ship")

    assert little_word < 0.5 < as_rare_in_english
    assert MILLION.weight("كتا") > 3


def test_a_gram_weighs_less_than_a_word_as_rare() -> None:
    statistics = Statistics.of(1000, {"word": 0.01, "~word": 0.01})

    assert statistics.weight("~word") == pytest.approx(GRAM_WEIGHT * statistics.weight("word"))


def test_a_common_token_never_brings_in_rows_on_its_own_beside_a_rare_one() -> None:
    planned = plan("the lost card", MILLION)

    assert planned is not None
    alone = planned.condition.split(" | (")[0]
    assert alone == "('lost')"
    assert planned.least_id is None


def test_at_least_one_token_counts_however_common_but_then_the_newest_rows_only() -> None:
    planned = plan("the", MILLION)

    assert planned is not None
    assert planned.condition == "('the')"
    assert planned.least_id == MOMENTS[99]


def test_rows_in_which_the_rarest_stand_together_are_candidates() -> None:
    planned = plan("the ship card lost rare", MILLION)

    assert planned is not None
    assert planned.condition.startswith("('rare' | 'lost') | (")
    assert "&" in planned.condition


def test_grams_of_a_known_word_do_not_stand_together_in_its_place() -> None:
    shares = {"transfer": 0.02, "the": 0.3, "wait": 0.01, "long": 0.01, "us": 0.001, "how": 0.02}
    shares |= dict.fromkeys(tokens("transfer")[1:], 0.02)
    statistics = Statistics.of(1_000_000, shares)

    known = plan("how long wait the transfer us", statistics)
    mistyped = plan("how long wait the trannsfer us", statistics)

    assert known is not None and "~" not in known.condition
    assert mistyped is not None and "~" in mistyped.condition


def test_what_the_index_reads_is_bounded() -> None:
    statistics = Statistics.of(1_000_000, {f"w{n}x": 0.002 * n for n in range(1, 30)})

    planned = plan(" ".join(f"w{n}x" for n in range(1, 30)), statistics)

    assert planned is not None
    together = {token for token in planned.weights if f"'{token}'" in planned.condition}
    read = sorted(statistics.frequency(token) for token in together)[:-3]
    assert len(together) == 5 or sum(read) <= READ


def test_the_rarest_stay_within_the_cap() -> None:
    statistics = Statistics.of(1_000_000, {f"w{n}x": 0.0001 for n in range(30)})

    planned = plan(" ".join(f"w{n}x" for n in range(30)), statistics)

    assert planned is not None
    assert planned.condition.split(")")[0].count("|") + 1 == CAP // 100


def test_a_question_without_letters_has_no_plan() -> None:
    assert plan("؟ !! 😀", MILLION) is None


def test_every_token_is_in_one_of_at_most_six_buckets() -> None:
    planned = plan("the ship card lost rare です ます", MILLION)

    assert planned is not None
    assert len(planned.buckets) <= BUCKETS
    assert sum(weight for weight, _ in planned.buckets) == pytest.approx(
        sum(planned.weights.values())
    )
    for token in planned.weights:
        assert sum(f"'{token}'" in query for _, query in planned.buckets) == 1


def test_a_long_question_is_cut_down_to_its_rarest_tokens() -> None:
    planned = plan(" ".join(f"w{n}" for n in range(500)) + " the", MILLION)

    assert planned is not None
    assert len(planned.weights) == 96
    assert "the" not in planned.weights


def order(question: str, *texts: str, kinds: str = "", boost: bool = False) -> list[int]:
    names = {"a": "answer", "q": "question", "m": "message"}
    given = [names[kind] for kind in kinds or "m" * len(texts)]
    weights = dict.fromkeys(tokens(question), 4.0)
    found = rank(question, weights, list(zip(given, texts, strict=True)), boost=boost)
    return [scored.place for scored in found]


def test_the_text_that_holds_more_of_what_is_asked_stands_first() -> None:
    assert order("red tea cup", "a new tea", "a red tea cup", "red cup") == [1, 2]


def test_a_short_text_stands_above_a_long_one_that_says_no_more() -> None:
    assert order("glass", "glass " + "and many other things " * 20, "glass") == [1, 0]


def test_words_side_by_side_count_more_than_apart() -> None:
    assert order("world war", "the war of a world that ends", "the world war of that end x")[0] == 1


def test_repeating_a_word_helps_less_and_less() -> None:
    (once, _), (twice, _), (ten, _), _ = scores(
        "tea", {"tea": 1.0}, ["tea x x x x x x x x x", "tea tea" + " x" * 8, "tea " * 10, "y " * 10]
    )

    assert once < twice < ten < 2.2


def test_an_answer_to_half_of_the_question_stands_first_with_the_boost_alone() -> None:
    said = ("glass cup", "is the glass cup red or blue, and what else? It is red.")

    assert order("glass cup", *said, kinds="ma", boost=True) == [1, 0]
    assert order("glass cup", *said, kinds="ma") == [0, 1]


def test_an_answer_about_something_else_does_not_stand_first() -> None:
    said = ("the glass cup is red", "cup")

    assert order("red glass cup colour", *said, kinds="ma", boost=True) == [0]


def test_what_holds_next_to_nothing_of_the_question_is_left_out() -> None:
    asked = "when is the red tea cup in stock"

    assert order(asked, "it is late", "the red tea cup is in stock") == [1]
    assert order(asked, "it was late", "in there") == []


def test_nothing_to_rank_is_nothing_ranked() -> None:
    assert order("glass") == []
