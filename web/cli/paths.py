"""Where the pieces lie that the command line hands to the engine."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import rooms

MIGRATIONS = Path(rooms.__file__).parent / "migrations"


def program_version() -> str:
    """Give the version of this checkout, as pyproject.toml has it."""
    try:
        return version("hiroba")
    except PackageNotFoundError:
        return "not installed"
