"""The files of `web/static`, read once, under addresses that change with their contents."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.messages import ScriptKey, script_keys

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".txt": "text/plain; charset=utf-8",
}
COMPRESSED = {".css", ".js", ".svg", ".txt"}
DOC_COMMENT = re.compile(rb"/\*\*.*?\*/[ ]?", re.DOTALL)
LINE_COMMENT = re.compile(rb"^[ \t]*//.*\n", re.MULTILINE)
IMPORT = re.compile(r"""^\s*(?:import|export)\b[^'"();]*?['"](\.{1,2}/[^'"]+)['"]""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file, plain and compressed."""

    body: bytes
    packed: bytes | None
    media_type: str


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """All files of a folder under one build id."""

    build: str
    files: dict[str, StaticFile]

    def address(self, path: str) -> str:
        """Give the immutable address of a file; KeyError names one that is not there."""
        if path not in self.files:
            raise KeyError(f"no static file {path}")
        return f"/static/{self.build}/{path}"

    def modules(self, entry: str) -> tuple[str, ...]:
        """Give a module and all that it imports, directly or not, the entry first."""
        found: list[str] = []
        waiting = [entry]
        while waiting:
            path = waiting.pop(0)
            if path in found:
                continue
            found.append(path)
            base = posixpath.dirname(path)
            for target in IMPORT.findall(self.files[path].body.decode()):
                waiting.append(posixpath.normpath(posixpath.join(base, target)))
        return tuple(found)

    def words(self, entry: str) -> tuple[ScriptKey, ...]:
        """Give the sentences that a module and its imports may say."""
        keys: dict[ScriptKey, None] = {}
        for path in self.modules(entry):
            keys.update(dict.fromkeys(script_keys(self.files[path].body)))
        return tuple(keys)


@cache
def static_files(folder: Path = FOLDER) -> StaticFiles:
    """Read a folder; types that the product does not serve are left out."""
    files: dict[str, StaticFile] = {}
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix not in TYPES or not path.is_file():
            continue
        name, body = path.relative_to(folder).as_posix(), path.read_bytes()
        digest.update(b"%b\0%d\0%b" % (name.encode(), len(body), body))
        if path.suffix == ".js":
            body = without_comments(body)
        packed = gzip.compress(body, 9, mtime=0) if path.suffix in COMPRESSED else None
        files[name] = StaticFile(body, packed, TYPES[path.suffix])
    return StaticFiles(digest.hexdigest()[:12], files)


def without_comments(script: bytes) -> bytes:
    """Leave out `/** … */` and lines of `//`: types and reasons are for readers of the source."""
    return LINE_COMMENT.sub(b"", DOC_COMMENT.sub(b"", script))


@cache
def modules(entry: str) -> tuple[str, ...]:
    """Give the addresses of a module and its imports, found once."""
    files = static_files()
    return tuple(files.address(path) for path in files.modules(entry))


@cache
def module_words(entry: str) -> tuple[ScriptKey, ...]:
    """Give the sentences of a module and its imports, found once."""
    return static_files().words(entry)


async def serve(request: Request) -> Response:
    """Answer with a file.

    A page made by another version asks under its own build id; it gets today's file, but may
    not keep it.
    """
    known = static_files()
    file = known.files.get(request.path_params["path"])
    if file is None:
        return Response("not found", 404, media_type="text/plain")
    fresh = request.path_params["build"] == known.build
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if fresh else "no-cache",
        "Content-Type": file.media_type,
        "X-Content-Type-Options": "nosniff",
    }
    if file.packed is None:
        return Response(file.body, headers=headers)
    headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.packed, headers=headers)
    return Response(file.body, headers=headers)


routes = [Route("/static/{build}/{path:path}", serve, name="static", methods=["GET"])]
