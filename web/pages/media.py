"""Files that this community holds itself: its logo, posters and video files, under /media."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from server.context import Context
from server.errors import Refused

TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
"""Only what a browser shows and cannot run: no SVG, no HTML."""

BEGINNINGS = {
    ".png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    ".jpg": re.compile(rb"\xff\xd8\xff"),
    ".webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
MOST_PICTURE = 2 * 1024 * 1024
MOST_FORM = MOST_PICTURE + 64 * 1024
"""Bytes of a form that brings one picture."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}\.[a-z0-9]{3,4}")


async def media(request: Request) -> Response:
    """Send a file, in parts when a player asks for parts."""
    context: Context = request.state.ctx
    name = request.path_params["name"]
    path = context.settings.data_dir / "media" / name
    if not NAME.fullmatch(name) or path.suffix not in TYPES or not path.is_file():
        raise Refused("not_found", "There is no such file.")
    headers = {
        "cache-control": "public, max-age=86400",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)


def keep_picture(folder: Path, data: bytes, field: str) -> str:
    """Keep the picture that was uploaded in `field` under a new name and give that name.

    Raises Refused: too_large over 2 MiB, invalid when it is no PNG, JPEG or WebP.
    """
    if len(data) > MOST_PICTURE:
        raise Refused("too_large", "A picture may have at most 2 MB.", field=field)
    suffix = next((s for s, beginning in BEGINNINGS.items() if beginning.match(data)), None)
    if suffix is None:
        raise Refused("invalid", "The picture has to be a PNG, JPEG or WebP file.", field=field)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{secrets.token_hex(12)}{suffix}"
    unfinished = folder / f"{name}.part"
    unfinished.write_bytes(data)
    unfinished.replace(folder / name)
    return name


async def read_upload(request: Request, field: str, *, most: int) -> bytes | None:
    """Give an uploaded file's bytes, None when none was chosen; `read_form` has to come first.

    Raises Refused: too_large.
    """
    form = await request.form()
    upload = form.get(field)
    if not isinstance(upload, UploadFile) or not upload.filename:
        return None
    if upload.size is None or upload.size > most:
        raise Refused("too_large", "The file is too large.", field=field)
    return await upload.read()


routes = [Route("/media/{name}", media, name="media")]
