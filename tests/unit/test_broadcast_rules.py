"""Broadcasts: which video addresses are taken, and how they are normalised."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rooms.broadcasts import rules
from rooms.broadcasts.rules import Video
from server.errors import Refused

NOW = 1_763_750_000_000
TUBE = "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"


@pytest.mark.parametrize(
    ("address", "kind", "url"),
    [
        ("https://cdn.example/live/a.m3u8", "hls", None),
        ("https://cdn.example:8443/a.M3U8?token=1", "hls", None),
        ("https://cdn.example/clip.mp4", "file", None),
        ("/media/clip.webm", "file", None),
        (" https://cdn.example/a.m3u8 ", "hls", "https://cdn.example/a.m3u8"),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3", "embed", TUBE),
        ("https://youtu.be/dQw4w9WgXcQ", "embed", TUBE),
        ("https://m.youtube.com/live/dQw4w9WgXcQ?feature=share", "embed", TUBE),
        ("https://www.youtube.com/shorts/dQw4w9WgXcQ", "embed", TUBE),
        (TUBE, "embed", TUBE),
        ("https://vimeo.com/76979871", "embed", "https://player.vimeo.com/video/76979871"),
        ("https://vimeo.com/76979871/8272103f6e", "embed", None),
        ("https://player.vimeo.com/video/76979871", "embed", None),
        ("https://vimeo.com/event/1234567", "embed", "https://vimeo.com/event/1234567/embed"),
    ],
)
def test_a_video_address_is_recognised_and_normalised(
    address: str, kind: str, url: str | None
) -> None:
    if address == "https://vimeo.com/76979871/8272103f6e":
        url = "https://player.vimeo.com/video/76979871?h=8272103f6e"

    video = rules.video_source(address)

    assert video == Video(kind, url or address)
    assert rules.video_source(video.url) == video or "/event/" in video.url


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        5,
        "http://cdn.example/a.m3u8",
        "//cdn.example/a.m3u8",
        "javascript:alert(1)//.m3u8",
        "https://cdn.example/page.html",
        "https://user@cdn.example/a.m3u8",
        "https://cdn.example;script-src *;/a.m3u8",
        "https://cdn.example:0/a.m3u8",
        "https://cdn.example:99999/a.m3u8",
        "https://cdn.exa mple/a.m3u8",
        "https:///a.m3u8",
        "https://[::1/a.m3u8",
        "https://www.youtube.com/watch?v=short",
        "https://www.youtube.com/@channel",
        "https://vimeo.com/channels/staff",
        "/media/../secret.mp4",
        "/media/a.txt",
        "/etc/a.mp4",
    ],
)
def test_other_video_addresses_are_refused_with_a_sentence(address: object) -> None:
    with pytest.raises(Refused) as caught:
        rules.video_source(address)

    assert caught.value.code == "invalid"
    assert caught.value.details == {"field": "video"}


def test_the_origin_for_the_page_is_that_of_the_normalised_address() -> None:
    assert rules.frame_origin(Video("embed", TUBE)) == "https://www.youtube-nocookie.com"
    assert rules.frame_origin(Video("hls", "https://c.example:8443/a.m3u8")) == (
        "https://c.example:8443"
    )
    assert rules.frame_origin(Video("file", "/media/a.mp4")) is None


def test_a_broadcast_without_a_time_begins_now() -> None:
    draft = rules.read_draft({"title": "Evening", "video": "/media/a.mp4"}, NOW)

    assert draft.starts_at == datetime.fromtimestamp(NOW / 1000, UTC)
    assert (draft.about, draft.poster_url, draft.upright) == ("", "", True)


@pytest.mark.parametrize("at", [NOW - 13 * 3_600_000, NOW + 367 * 86_400_000, "soon", True, -1])
def test_a_broadcast_begins_within_a_year(at: object) -> None:
    with pytest.raises(Refused):
        rules.start(at, NOW)


def test_a_poster_is_a_picture_of_this_server_or_behind_https() -> None:
    assert rules.poster(None) == ""
    assert rules.poster("/media/p.jpg") == "/media/p.jpg"
    assert rules.poster("https://cdn.example/p.jpg") == "https://cdn.example/p.jpg"
    for wrong in ("http://cdn.example/p.jpg", "p.jpg", 5):
        with pytest.raises(Refused):
            rules.poster(wrong)
