"""Structured logs: one line an event, as key=value or JSON, on standard error."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

_FIELDS = "hiroba_fields"
_PLAIN = re.compile(r"[^\s\"'=\\]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")


class Log:
    """The log of a module: `log = Log(__name__)`, then `log.info("hub.joined", channel=…)`.

    An event is a stable `noun.verb`; everything that varies is a field.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        """Log what only helps while looking for a fault."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Log what an operator wants to find afterwards."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log what went wrong and was dealt with."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Log what somebody has to look at; an exception as a field brings its traceback."""
        self._log(logging.ERROR, event, fields)

    def _log(self, level: int, event: str, fields: dict[str, Any]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, extra={_FIELDS: fields})


class LineFormatter(logging.Formatter):
    """Writes a record as one line, whatever its fields contain."""

    def __init__(self, style: str, process: str) -> None:
        super().__init__()
        self._json = style == "json"
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = dict(getattr(record, _FIELDS, {"logger": record.name}))
        if record.exc_info and record.exc_info[1]:
            fields["error"] = record.exc_info[1]
        known = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "process": self._process,
        }
        values = {**known, **_without_exceptions(fields)}
        if self._json:
            return _flat(json.dumps(values, ensure_ascii=False, default=str))
        head = f"{values.pop('at')} {values.pop('level')} {_flat(values.pop('event'))}"
        return " ".join([head, *(f"{name}={_quoted(value)}" for name, value in values.items())])


def configure(level: str, style: str, process: str, stream: TextIO | None = None) -> None:
    """Send every log of this process, libraries included, through one handler."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(style, process))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # It tells at `info` what our own events tell already.
    # httpx would write down every address that is called, and what is secret in it.
    for name in ("uvicorn", "httpx"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _without_exceptions(fields: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, BaseException):
            out[name] = f"{type(value).__name__}: {value}"
            if value.__traceback__ is not None:
                out[f"{name}_trace"] = "".join(traceback.format_exception(value)).strip()
        else:
            out[name] = value
    return out


def _flat(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _quoted(value: Any) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else _flat(json.dumps(text, ensure_ascii=False))
