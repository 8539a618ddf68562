"""A whole Hiroba in processes of its own, started as a person starts it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
START = 90.0
"""Seconds until it has to be ready; a loaded machine is slow."""


class Running:
    """A started `python -m web.cli serve --json`; `facts` is the line that it printed."""

    def __init__(self, process: subprocess.Popen[str], facts: dict[str, Any], log: Path) -> None:
        self.process = process
        self.facts = facts
        self._log = log

    @property
    def url(self) -> str:
        """Where it is reached."""
        return str(self.facts["urls"][0])

    @property
    def family(self) -> list[psutil.Process]:
        """Every process of it except the supervisor, as they are now."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def log(self) -> str:
        """What its processes have logged so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it in order; gives the exit status."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def running(
    folder: Path, *options: str, environ: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start a Hiroba on a free port with its data in `folder`, and stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    command = [sys.executable, "-m", "web.cli", "serve", "--json", "--port", "0"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*command, "--data", str(folder / "data"), *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**clean_environ(), **(environ or {})},
        )
    try:
        timer = threading.Timer(START, process.kill)
        timer.start()
        assert process.stdout is not None
        line = process.stdout.readline()
        timer.cancel()
        assert line, f"it did not start:\n{log.read_text()}"
        yield Running(process, json.loads(line), log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def clean_environ() -> dict[str, str]:
    """Give our environment without settings of Hiroba."""
    bare = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "TRUSTED_PROXIES")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in bare and not name.startswith("HIROBA_")
    }
