"""What a broadcast needs: a title, a time, a video source that can be played, a poster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rooms.rules import clean_text, flag, optional_text
from server.errors import Refused

MEDIA = re.compile(r"/media/[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
FARTHEST = timedelta(days=366)
_YOUTUBE = re.compile(r"[A-Za-z0-9_-]{11}")
_VIMEO = re.compile(r"[0-9]{6,12}")
_VIMEO_HASH = re.compile(r"[0-9a-f]{6,16}")


@dataclass(frozen=True, slots=True)
class Video:
    """Where the picture comes from: kind hls, embed or file, and a normalised address."""

    kind: str
    url: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked broadcast, before it has an id."""

    title: str
    about: str
    video: Video
    poster_url: str
    upright: bool
    starts_at: datetime


def read_draft(args: Mapping[str, Any], now_ms: int) -> Draft:
    """Check the form of a broadcast {title, about?, video, poster?, upright?, starts_at? (ms)}."""
    return Draft(
        title=clean_text(args.get("title"), limit=120, field="title"),
        about=optional_text(args.get("about"), limit=2000, field="about"),
        video=video_source(args.get("video")),
        poster_url=poster(args.get("poster")),
        upright=flag({"upright": True, **args}, "upright"),
        starts_at=start(args.get("starts_at"), now_ms),
    )


def start(value: object, now_ms: int) -> datetime:
    """Read when a broadcast begins, in ms since 1970; now when nothing is given."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    if value is None:
        return now
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**43:
        raise Refused("invalid", "starts_at is a time in ms since 1970.", field="starts_at")
    at = datetime.fromtimestamp(value / 1000, UTC)
    if not now - timedelta(hours=12) <= at <= now + FARTHEST:
        raise Refused("invalid", "A broadcast begins within a year from now.", field="starts_at")
    return at


def video_source(value: object) -> Video:
    """Check and normalise a video address.

    Taken are https addresses of HLS lists (.m3u8) and of .mp4 or .webm files, files of this
    server (/media/NAME), and addresses of YouTube and Vimeo pages, which become embeds.
    """
    if not isinstance(value, str) or not value.strip():
        raise _bad_video("A video address is missing.")
    text = value.strip()
    if MEDIA.fullmatch(text):
        return Video(_kind_of_path(text), text)
    parts = _https(text, "video")
    embed = _youtube(text) or _vimeo(text)
    if embed is not None:
        return Video("embed", embed)
    return Video(_kind_of_path(parts), text)


def poster(value: object) -> str:
    """Check the address of a poster picture: https, or a file of this server; may be empty."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise Refused("invalid", "poster is the address of a picture.", field="poster")
    text = value.strip()
    if not MEDIA.fullmatch(text):
        _https(text, "poster")
    return text


def frame_origin(video: Video) -> str | None:
    """Give the origin that a page has to allow for this source; None for this server's files."""
    if video.url.startswith("/"):
        return None
    parts = urlsplit(video.url)
    return f"{parts.scheme}://{parts.netloc}"


def _https(text: str, field: str) -> str:
    """Check an https address of an ordinary host and give its path."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    # What stands in a Content-Security-Policy must not be able to end it.
    plain = re.fullmatch(r"[a-z0-9.-]+", host) and re.fullmatch(r"[!-~]{1,1000}", text)
    if parts.scheme != "https" or not plain or parts.username or (port is not None and port < 1):
        raise Refused("invalid", "The address has to begin with https://.", field=field)
    return parts.path


def _kind_of_path(path: str) -> str:
    name = path.rsplit("/", 1)[-1].lower()
    if name.endswith(".m3u8"):
        return "hls"
    if name.endswith((".mp4", ".webm")):
        return "file"
    raise _bad_video(
        "This is neither an HLS list (.m3u8), a video file (.mp4, .webm), "
        "nor an address of YouTube or Vimeo."
    )


def _youtube(text: str) -> str | None:
    parts = urlsplit(text)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    pieces = [p for p in parts.path.split("/") if p]
    name = ""
    if host == "youtu.be" and pieces:
        name = pieces[0]
    elif host in ("youtube.com", "youtube-nocookie.com"):
        if pieces[:1] == ["watch"]:
            name = parse_qs(parts.query).get("v", [""])[0]
        elif len(pieces) == 2 and pieces[0] in ("live", "embed", "shorts"):
            name = pieces[1]
    else:
        return None
    if not _YOUTUBE.fullmatch(name):
        raise _bad_video("This YouTube address names no video.")
    return f"https://www.youtube-nocookie.com/embed/{name}"


def _vimeo(text: str) -> str | None:
    parts = urlsplit(text)
    host = (parts.hostname or "").removeprefix("www.")
    if host not in ("vimeo.com", "player.vimeo.com"):
        return None
    pieces = [p for p in parts.path.split("/") if p]
    kind = pieces.pop(0) if pieces[:1] in (["video"], ["event"]) else "video"
    if not pieces or not _VIMEO.fullmatch(pieces[0]):
        raise _bad_video("This Vimeo address names no video.")
    if kind == "event":
        return f"https://vimeo.com/event/{pieces[0]}/embed"
    secret = pieces[1] if len(pieces) > 1 else parse_qs(parts.query).get("h", [""])[0]
    hidden = f"?h={secret}" if _VIMEO_HASH.fullmatch(secret) else ""
    return f"https://player.vimeo.com/video/{pieces[0]}{hidden}"


def _bad_video(sentence: str) -> Refused:
    return Refused("invalid", sentence, field="video")
