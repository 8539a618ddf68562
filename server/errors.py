"""The one exception for an expected refusal, with a stable word as its code."""

from __future__ import annotations

from typing import Any


class HirobaError(Exception):
    """Base of every exception this project raises on purpose.

    HirobaError
    ├── Refused          a command or request that is answered with a word and a sentence
    ├── Closed           a connection that has to end, with a close code
    └── SettingsError    a configuration value that cannot be used, named
    """


class Refused(HirobaError):
    """A command or request is refused; `code` is the stable word that the wire carries."""

    def __init__(
        self, code: str, message: str = "", *, retry_after: int | None = None, **details: Any
    ) -> None:
        """Keep the word, a sentence for a person, and `retry_after` in ms where waiting helps."""
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.retry_after = retry_after
        self.details = details

    def as_wire(self) -> dict[str, Any]:
        """Give the `error` object of a reply."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, **self.details}
        if self.retry_after is not None:
            error["retry_after"] = self.retry_after
        return error


class Closed(HirobaError):
    """A connection has to end; 4000-4499 may come back, 4500-4999 stay away."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class SettingsError(HirobaError):
    """A setting has a value that cannot be used."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem
