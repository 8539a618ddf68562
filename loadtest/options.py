"""Options that scenarios share, and the types of their values."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What `add_subparsers` gives: each scenario adds its own parser."""


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add `--out`, which every scenario has."""
    parser.add_argument("--out", type=Path, help="a folder for report.json, run.json and a plot")


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def speed(text: str) -> float:
    """Read how many times the real speed."""
    value = float(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError("above 0, at most 10000")
    return value


def seconds(text: str) -> float:
    """Read a length of time; bounded, as every run is."""
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("above 0, at most 3600 seconds")
    return value
