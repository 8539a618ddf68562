"""Starts processes that end with their parent, even when the parent is killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from server.errors import HirobaError

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a process runs as."""

    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Tell whether this account may pass through every folder above `path`, and read it."""
        if self.uid == os.geteuid():
            return True
        resolved = path.resolve()
        return all(self._has(folder, 0o1) for folder in resolved.parents) and (
            self._has(resolved, 0o5 if resolved.is_dir() else 0o4)
        )

    def _has(self, path: Path, bits: int) -> bool:
        info = path.stat()
        shift = 6 if info.st_uid == self.uid else 3 if info.st_gid == self.gid else 0
        return (info.st_mode >> shift) & bits == bits


def nobody() -> Account:
    """Give the account without rights that every Unix has."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(65534, 65534)
    return Account(entry.pw_uid, entry.pw_gid)


class Child:
    """A running process, and on systems without a parent-death signal its watcher."""

    def __init__(self, process: subprocess.Popen[bytes], watch: _Watch | None) -> None:
        self._process = process
        self._watch = watch
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def send(self, number: int) -> None:
        """Send a signal; nothing happens when the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def stop(self, steps: Sequence[tuple[int, float]]) -> int:
        """Send one signal after the other, waiting its seconds after each; SIGKILL at last."""
        for number, seconds in (*steps, (signal.SIGKILL, 30.0)):
            self.send(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                break
        self.release()
        status = self._process.poll()
        if status is None:
            raise HirobaError(f"process {self.pid} does not end")
        return status

    def release(self) -> None:
        """End the watcher of a process that has ended."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None


def spawn(
    argv: Sequence[str | Path],
    *,
    death_signal: int,
    account: Account | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Iterable[int] = (),
    output: IO[Any] | int | None = None,
    watch: bool = not sys.platform.startswith("linux"),
) -> Child:
    """Start a process in its own session that gets `death_signal` when this one dies.

    Only the main thread may call it: Linux sends the signal when the *thread* that started the
    process ends. `watch` uses a pipe instead of the signal of the kernel.
    """
    if threading.current_thread() is not threading.main_thread():
        raise HirobaError("processes are started from the main thread")
    who: dict[str, Any] = {}
    if account is not None:
        who = {"user": account.uid, "group": account.gid, "extra_groups": []}
    process = subprocess.Popen(
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=cwd,
        env=None if environ is None else dict(environ),
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        # It runs after setuid, which would clear the signal.
        preexec_fn=None if watch else _die_with(os.getpid(), death_signal),
        **who,
    )
    return Child(process, _Watch(process.pid, death_signal) if watch else None)


def end_with_parent(parent: int) -> None:
    """End this process with its parent of that number; the initializer of a pool of processes.

    Without it the processes of a pool wait for ever when their parent is killed. Linux only.
    """
    if sys.platform.startswith("linux"):
        _die_with(parent, signal.SIGKILL)()


def _die_with(parent: int, death_signal: int) -> Callable[[], None]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        # The parent may have died before the signal was asked for.
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class _Watch:
    """A shell that waits for the end of a pipe, which the kernel closes when we die."""

    def __init__(self, pid: int, number: int) -> None:
        read, self._write = os.pipe()
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", f"trap '' INT TERM HUP; read _; kill -{number} {pid}"],
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(read)

    def close(self) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._write)


def wait_until(condition: Callable[[], bool], seconds: float, step: float = 0.02) -> bool:
    """Ask again and again until it is true; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(step)
    return True
