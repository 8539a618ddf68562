"""The peers that run in a Python of their own: which packages they need, and how they start."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from loadtest.peers.peer import Found, Launch, Missing, Peer, Place, Tools, asked

PROGRAMS = Path(__file__).parent / "programs"
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
"""What every browser offers."""
VERSIONS = """
import importlib.metadata, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
PACKAGES = (
    *("uvicorn", "starlette", "websockets", "uvloop", "httptools", "picows", "socketify"),
    *("python-socketio", "channels", "daphne", "django"),
)


@cache
def versions(python: str) -> dict[str, str]:
    """Give the versions of those PACKAGES that a Python has, and its own."""
    told = asked(python, "-c", VERSIONS, *PACKAGES)
    found: dict[str, str] = json.loads(told) if told else {}
    return found


def _peer(
    name: str,
    title: str,
    needs: tuple[str, ...],
    launch: Callable[[str, Place], Launch],
    pip: str = "",
) -> Peer:
    """Describe a peer whose version is that of the first package it needs."""

    def find(tools: Tools) -> Found | Missing:
        here = versions(tools.python)
        if not all(package in here for package in needs):
            return Missing(f"pip install {pip or ' '.join(needs)} (then --python of that venv)")
        version = ", ".join([here[needs[0]], *(f"{each} {here[each]}" for each in needs[1:])])
        return Found(
            f"{version}, Python {here['python']}", lambda place: launch(tools.python, place)
        )

    return Peer(name, title, find)


def _program(python: str, place: Place, name: str, *more: str) -> list[str]:
    return [python, str(PROGRAMS / name), str(place.port), *more]


def _starlette(python: str, place: Place) -> Launch:
    return Launch(
        _program(python, place, "starlette_app.py"),
        headers=(DEFLATE,),
        # What is compressed cannot be looked into.
        counted="",
    )


def _starlette_plain(python: str, place: Place) -> Launch:
    return Launch(_program(python, place, "starlette_app.py", "no-deflate"))


def _socketio(python: str, place: Place) -> Launch:
    return Launch(
        _program(python, place, "socketio_app.py"),
        path="/socket.io/?EIO=4&transport=websocket",
        hello=("40",),
        ready="40{",
        answers=(("2", "3"),),
        saying=lambda text: f"42{json.dumps(['say', text])}",
    )


def _channels(python: str, place: Place) -> Launch:
    command = ("-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(place.port))
    return Launch(
        [python, *command, "channels_app:application"],
        environment=(("PYTHONPATH", str(PROGRAMS)),),
    )


PEERS = (
    _peer(
        "starlette",
        "Starlette, uvicorn, default settings",
        ("starlette", "uvicorn", "websockets"),
        _starlette,
        pip="starlette 'uvicorn[standard]'",
    ),
    _peer(
        "starlette-plain",
        "Starlette, uvicorn, deflate off",
        ("starlette", "uvicorn", "websockets"),
        _starlette_plain,
        pip="starlette 'uvicorn[standard]'",
    ),
    _peer(
        "picows",
        "picows",
        ("picows",),
        lambda python, place: Launch(_program(python, place, "picows_app.py")),
        pip="picows uvloop",
    ),
    _peer(
        "socketify",
        "socketify (uWebSockets)",
        ("socketify",),
        lambda python, place: Launch(_program(python, place, "socketify_app.py")),
    ),
    _peer(
        "socketio",
        "python-socketio",
        ("python-socketio", "uvicorn", "websockets"),
        _socketio,
        pip="python-socketio 'uvicorn[standard]'",
    ),
    _peer(
        "channels",
        "Django Channels, daphne, in memory",
        ("channels", "daphne", "django"),
        _channels,
    ),
)
