"""A program beside the load test: commands to its input, one JSON object a line from its output."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Final, Self

from loadtest.errors import CannotRun

START_SECONDS: Final = 180.0
ANSWER_SECONDS: Final = 300.0


class ProgramFailed(CannotRun):
    """A program of the load test ended, fell silent, or refused a command."""


class Program:
    """A running program; as a context it is ended at the end of the block."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, errors: IO[bytes]) -> None:
        """Take over what `start` started."""
        self.name = name
        self._process = process
        self._errors = errors
        self.ready: dict[str, Any] = {}
        """What it said first."""

    @classmethod
    async def start(cls, name: str, command: Sequence[str]) -> Self:
        """Start it and wait for its first line; ProgramFailed tells what it wrote otherwise."""
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
        program = cls(name, process, errors)
        try:
            program.ready = await program._line(START_SECONDS)
        except BaseException:
            await program.stop()
            raise
        return program

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ask(self, command: str, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        return await self._line(seconds)

    @property
    def complaints(self) -> str:
        """What it wrote to its standard error, at most the last 2,000 characters."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-2000:].strip()

    async def stop(self) -> None:
        """End it."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        self._errors.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _line(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ProgramFailed(f"{self.name} did not answer in {seconds:.0f} s") from None
        if not line:
            code = await self._process.wait()
            raise ProgramFailed(f"{self.name} ended with {code}: {self.complaints}")
        said = parse(line)
        if said.get("say") == "error":
            raise ProgramFailed(f"{self.name}: {said.get('problem')}")
        return said


def parse(line: bytes) -> dict[str, Any]:
    """Read one line of a program; ProgramFailed when it is not an object."""
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ProgramFailed(f"not what a program of the load test says: {line[:200]!r}")
    return value
