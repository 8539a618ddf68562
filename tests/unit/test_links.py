import pytest

from moderation.links import ascii_host, find_links, is_allowed


def hosts(text: str) -> list[str]:
    return [link.host for link in find_links(text)]


@pytest.mark.parametrize(
    "text",
    [
        "example.com",
        "HTTPS://Example.COM/a?b#c",
        "ｅｘａｍｐｌｅ．ｃｏｍ",
        "example[.]com",
        "example (dot) com",
        "example【.】com",
        "example dot com",
        "example . com",
        "example。com",
        "exam\u200bple.com",
        "ex\u202eample.com",
        "ぜひexample.comを見て",
        "ไปที่example.comนะ",
        "someone@example.com",
        "hxxps://example.com",
        "https://shop.example@example.com/",
        "https:// example.com",
        "example.com:8080",
    ],
)
def test_a_link_is_found_however_it_is_written(text: str) -> None:
    assert hosts(f"look: {text}") == ["example.com"]


@pytest.mark.parametrize(
    "text",
    [
        "ok.thanks",
        "great.it was",
        "いいね.ありがとう",
        "すごい。みんな",
        "v1.2.3",
        "3.14",
        "10:30.5",
        "e.g. this",
        "Mr.Smith",
        "lol...no",
        "u.s.a",
        "main.py",
        "p.s",
        "dot dot dot",
        "a/b",
        "and/or",
        "..........",
    ],
)
def test_a_sentence_without_space_is_not_a_link(text: str) -> None:
    assert hosts(text) == []


def test_international_domains_are_told_in_ascii() -> None:
    assert hosts("http://例え.jp/x") == ["xn--r8jz45g.jp"]
    assert hosts("сайт.рф") == ["xn--80aswg.xn--p1ai"]
    assert hosts("日本語.com") == ["xn--wgv71a119e.com"]


def test_short_domains_that_are_words_count_with_a_path() -> None:
    assert hosts("t.me/abc youtu.be/xyz line.me/ti/p/1") == ["t.me", "youtu.be", "line.me"]


def test_an_allowed_domain_covers_what_is_below_it_and_nothing_else() -> None:
    allowed = {ascii_host("Example.com"), ascii_host("例え.jp")}

    assert is_allowed("example.com", allowed)
    assert is_allowed("www.example.com", allowed)
    assert is_allowed("xn--r8jz45g.jp", allowed)
    assert not is_allowed("badexample.com", allowed)
    assert not is_allowed("example.com.evil.net", allowed)


@pytest.mark.parametrize("text", ["еxample.com", "éxample.com", "ωexample.com"])
def test_a_look_alike_of_an_allowed_domain_is_another_domain(text: str) -> None:
    assert [is_allowed(host, {"example.com"}) for host in hosts(text)] == [False]


def test_the_host_after_the_at_sign_counts() -> None:
    assert hosts("https://example.com@evil.com/") == ["evil.com"]


def test_the_span_is_that_of_the_original_text() -> None:
    text = "💚 ｅｘａｍｐｌｅ．ｃｏｍ/あ です"

    link = find_links(text)[0]

    assert text[link.start : link.end] == "ｅｘａｍｐｌｅ．ｃｏｍ/あ"
