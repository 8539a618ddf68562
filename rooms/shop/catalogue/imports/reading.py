"""Reads a file of products whatever its format, which its first sign tells."""

from __future__ import annotations

from rooms.shop.catalogue.imports.decode import decode
from rooms.shop.catalogue.imports.found import MOST_FILE, Found, unreadable
from rooms.shop.catalogue.imports.google import read_google
from rooms.shop.catalogue.imports.own import read_own
from rooms.shop.catalogue.imports.shopify import read_shopify
from server.errors import Refused


def read(data: bytes, *, currency: str, encoding: str = "") -> Found:
    """Read a file; `currency` is for formats that name none, `encoding` when it was chosen.

    Raises Refused for a file that cannot be read at all, with the reason in `problem`.
    """
    if len(data) > MOST_FILE:
        raise Refused("too_large", "The file is too large.", field="file", problem="large_file")
    if not data.strip(b"\x00\t\r\n "):
        raise unreadable("empty_file")
    if _begins_as_xml(data):
        return read_google(data)
    text, name = decode(data, encoding)
    if text.lstrip("\ufeff\r\n\t ")[:1] in ("{", "["):
        return read_own(text, name)
    return read_shopify(text, name, currency)


def _begins_as_xml(data: bytes) -> bool:
    """Tell XML by its first sign in UTF-8 or UTF-16; its encoding is the parser's affair."""
    head = (
        data[:64].removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    )
    return head.replace(b"\x00", b"").lstrip()[:1] == b"<"
