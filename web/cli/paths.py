"""Where the pieces lie: migrations, data, the version of this checkout."""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import replace
from pathlib import Path

from server.embedded import running_servers
from server.settings import DATA, Settings

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = ("community", "demo")
MIGRATIONS = ROOT / "rooms" / "migrations"


def add_data(parser: argparse.ArgumentParser) -> None:
    """Declare `--data`, also for the actions of a command: it may stand anywhere."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="where the private servers keep data",
    )


def located(settings: Settings, demo: bool | None) -> Settings:
    """Give the default data directory of the demo or of a community; a chosen one stays.

    With None it is the one that runs, else the one that is there.
    """
    if settings.data_dir != DATA:
        return settings
    folders = [DATA / kind for kind in KINDS]
    if demo is not None:
        return replace(settings, data_dir=folders[demo])
    running = (folder for folder in folders if running_servers(folder) is not None)
    there = (folder for folder in folders if folder.exists())
    return replace(settings, data_dir=next(running, next(there, folders[0])))


def program_version() -> str:
    """Give the version of this checkout, as pyproject.toml has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])
