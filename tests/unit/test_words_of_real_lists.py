"""The published word lists against a real chat: what they catch, and how long it takes."""

import json
import time
from pathlib import Path

import pytest

from moderation.patterns import Word
from moderation.words import WordList

pytestmark = pytest.mark.data


@pytest.fixture
def words(data_folder: Path) -> list[Word]:
    files = sorted((data_folder / "words").glob("*.txt"))
    lines = [line.strip() for file in files for line in file.read_text("utf-8").splitlines()]
    return [Word(line) for line in lines if line]


@pytest.fixture
def chat(data_folder: Path) -> list[str]:
    with (data_folder / "premiere-chat.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def test_every_listed_word_finds_itself(words: list[Word]) -> None:
    compiled = WordList(words)

    missed = [word.text for word in words if not compiled.find(word.text)]

    assert len(words) > 600
    assert missed == []


def test_a_real_chat_is_caught_where_it_swears_and_nowhere_else(
    words: list[Word], chat: list[str]
) -> None:
    compiled = WordList(words)
    start = time.perf_counter()
    hits = {text: found for text in chat if (found := compiled.find(text))}
    each = (time.perf_counter() - start) / len(chat) * 1e6

    caught = [text for text in chat if text in hits]
    spelt = {text[match.start : match.end].casefold() for text in hits for match in hits[text]}

    print(f"\n{len(words)} words, {len(chat)} comments, {len(caught)} caught, {each:.0f} µs each")
    assert 40 <= len(caught) <= 100
    assert {"fuck", "fuuuuckkk", "sh*t", "shiiiiiiit", "🖕"} <= spelt
    assert not spelt & {"class", "pass", "dream", "technosupport", "hello", "assist"}


def test_ten_thousand_words_are_read_as_fast(words: list[Word], chat: list[str]) -> None:
    made = [Word(f"{a}{b}{c}ka") for a in "abcdefghij" for b in "klmnopqrst" for c in range(100)]
    start = time.perf_counter()
    compiled = WordList([*words, *made])
    ready = time.perf_counter()
    hits = sum(1 for text in chat if compiled.find(text))
    each = (time.perf_counter() - ready) / len(chat) * 1e6

    print(f"\n{compiled.size} words: compiled in {ready - start:.2f} s, {each:.0f} µs a comment")
    assert compiled.size > 10_000
    assert hits >= 40
