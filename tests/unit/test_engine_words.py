"""The engine never learns the product: its code and its texts do without the product's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ENGINE = Path(__file__).parent.parent.parent / "server"
# Not looked for, because the engine has a meaning of its own for them: "message" (of a WebSocket
# or an error), "host" (the header), "room" (in names of channels and keys), "order" (sequence),
# "product" (what it calls the layer above, which it does not know), "poll" (of a process).
PRODUCT_WORDS = {
    *("ban", "banned", "broadcast", "broadcaster", "broadcasting", "chat", "comment", "guest"),
    *("member", "moderate", "moderated", "moderation", "moderator", "mute", "muted"),
    *("question", "reaction", "shop", "slow mode", "studio", "unban", "unmute", "unmuted"),
}


def words_of(line: str) -> Iterator[str]:
    """Split identifiers and prose alike, in singular: `slowMode`, `SLOW_MODES` are two words."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", line)
    words = [word.lower() for word in re.split(r"[^A-Za-z]+", spaced) if word]
    singular = [word.removesuffix("s") for word in words]
    yield from singular
    yield from (f"{first} {second}" for first, second in zip(words, singular[1:], strict=False))


def product_words(path: Path) -> list[str]:
    """Give the product's words in a file, each as `file:line: word`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        f"{path.relative_to(ENGINE.parent)}:{number}: {word}"
        for number, line in enumerate(lines, 1)
        for word in words_of(line)
        if word in PRODUCT_WORDS
    ]


def test_the_engine_does_without_the_words_of_the_product() -> None:
    files = [path for path in ENGINE.rglob("*") if path.suffix in (".py", ".lua", ".sql")]

    found = [place for path in sorted(files) for place in product_words(path)]

    assert len(files) > 20
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["def muteViewer():", "SLOW_MODE = 1", "# Members only.", '"in slow modes"', "comment_id = 3"],
)
def test_the_search_would_find_them(line: str) -> None:
    assert set(words_of(line)) & PRODUCT_WORDS


@pytest.mark.parametrize("line", ["remember", "commented out", "commit", "slow", "a modest urban"])
def test_words_that_only_look_alike_are_let_through(line: str) -> None:
    assert not set(words_of(line)) & PRODUCT_WORDS
