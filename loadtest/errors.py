"""What every scenario may end with instead of a report."""

from __future__ import annotations


class CannotRun(Exception):
    """The run is not possible as asked; the text says why, in words for whoever asked."""
