"""What a peer is: how it is found, started, and spoken to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

PAYLOAD: Final = 135
"""Bytes of what everybody is told: 139 as a WebSocket frame."""
MARK: Final = "live comment"
"""What stands exactly once in it, and in nothing else."""
ASK_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Tools:
    """Where peers may be installed; names are looked up on PATH."""

    python: str = sys.executable
    node: str = "node"
    node_modules: Path | None = None
    nginx: str = "nginx"
    nchan: Path | None = None
    nats: str = "nats-server"
    centrifugo: str = "centrifugo"


class Missing(NamedTuple):
    """A peer that is not installed, and what to install in one line."""

    install: str


class Place(NamedTuple):
    """Where a peer is to run."""

    port: int
    folder: Path
    """Empty, its own, gone afterwards."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started and what its viewers say."""

    command: list[str]
    path: str = "/"
    headers: tuple[str, ...] = ()
    hello: tuple[str, ...] = ()
    """What each viewer sends once its socket is open."""
    ready: str = ""
    """What stands in the message after which a viewer is one; empty is at once."""
    counted: str = MARK
    """What stands in a message once for each delivery; empty counts messages."""
    answers: tuple[tuple[str, str], ...] = ()
    """How messages begin that are answered, and with what: pings of the peer's own protocol."""
    saying: Callable[[str], str] = str
    """Wrap what one viewer says, so that everybody is told."""
    environment: tuple[tuple[str, str], ...] = ()


class Found(NamedTuple):
    """An installed peer."""

    version: str
    launch: Callable[[Place], Launch]


class Peer(NamedTuple):
    """A server to be compared with."""

    name: str
    title: str
    """As it stands in tables, without its version."""
    find: Callable[[Tools], Found | Missing]


def comment(number: int) -> str:
    """Give what somebody writes, each time something else."""
    return f"{number:08}: a {MARK} as long as many are in a full room"


def words(number: int) -> str:
    """Give a comment as a peer is told it: a JSON object of PAYLOAD bytes with name and text."""
    body = {"name": "Alice Example", "text": comment(number), "at": ""}
    body["at"] = "0" * (PAYLOAD - len(json.dumps(body)))
    return json.dumps(body)


def executable(name: str) -> str | None:
    """Give the path of a program named by its path or found on PATH."""
    return shutil.which(name)


def asked(*command: str) -> str | None:
    """Give what a program prints, on either output; None where it cannot be run."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=ASK_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def version_in(text: str) -> str:
    """Give the first version number of a text."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else "?"
