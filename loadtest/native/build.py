"""Builds the C programs where a compiler is there, and keeps them by the hash of their sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from loadtest.errors import CannotRun

SOURCES: Final = Path(__file__).parent
FLAGS: Final = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-function")
COMPILERS: Final = ("cc", "gcc", "clang")
BUILD_SECONDS: Final = 60.0


class NoCompiler(CannotRun):
    """The C programs cannot be built here; the text says what is missing."""


def compiler() -> str | None:
    """Give the path of a C compiler."""
    if not sys.platform.startswith("linux"):
        return None
    return next((path for name in COMPILERS if (path := shutil.which(name))), None)


def built(program: str) -> Path:
    """Give the path of `client` or `yardstick`, built unless it is there; NoCompiler, CannotRun."""
    folder = _cache()
    made = folder / f"{program}-{digest(SOURCES)}"
    if made.exists():
        return made
    cc = compiler()
    if cc is None:
        raise NoCompiler(
            f"{program}.c needs Linux and a C compiler: install gcc or clang"
            " (Debian: apt install gcc libc6-dev)"
        )
    with tempfile.TemporaryDirectory(dir=folder) as place:
        fresh = Path(place) / program
        command = [cc, *FLAGS, "-o", str(fresh), str(SOURCES / f"{program}.c")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS)
        if done.returncode:
            raise NoCompiler(f"{cc} could not build {program}.c: {done.stderr[-2000:]}")
        # Two runs may build at once; the last one wins, whole.
        fresh.replace(made)
    return made


def digest(folder: Path) -> str:
    """Give a name for the sources as they are, and for how they are built."""
    hashed = hashlib.sha256(" ".join(FLAGS).encode())
    for path in sorted(folder.glob("*.[ch]")):
        hashed.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return hashed.hexdigest()[:16]


def _cache() -> Path:
    """Give our folder for programs; CannotRun where somebody else made it before us."""
    folder = Path(tempfile.gettempdir()) / f"hiroba-native-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if state.st_uid != os.getuid() or state.st_mode & 0o022 or folder.is_symlink():
        raise CannotRun(f"{folder} is not ours alone; programs in it cannot be trusted")
    return folder
