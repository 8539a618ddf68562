"""The owner's first steps: which are done, and what was begun in one but not kept yet; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STEPS = ("look", "languages", "joining", "room")
"""What follows the owner's own account, in order."""
MOST_FIELDS, MOST_FIELD = 20, 10_000
"""Bounds of a draft: fields of a step, and characters of a field."""

Draft = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Steps:
    """How far the owner came; the default is that of a new community."""

    done: tuple[str, ...] = ()
    drafts: Mapping[str, Draft] = field(default_factory=dict)
    """What was entered in a step that was left before it was right."""

    @property
    def next(self) -> str | None:
        """Name the first step that is not done; None after the last."""
        return next((step for step in STEPS if step not in self.done), None)

    def with_draft(self, step: str, draft: Draft) -> Steps:
        """Keep what was entered in a step, cut to what a draft may hold."""
        entered = list(draft.items())[:MOST_FIELDS]
        # PostgreSQL keeps no NUL.
        kept = {name: text[:MOST_FIELD].replace("\0", "") for name, text in entered}
        return Steps(self.done, {**self.drafts, step: kept})

    def with_done(self, step: str) -> Steps:
        """Count a step as done, and forget its draft."""
        drafts = {name: draft for name, draft in self.drafts.items() if name != step}
        return Steps(tuple(s for s in STEPS if s in self.done or s == step), drafts)

    def stored(self) -> dict[str, Any]:
        """Give what is stored."""
        return {"done": list(self.done), "drafts": {s: dict(d) for s, d in self.drafts.items()}}


ALL_DONE = Steps(STEPS)


def steps_from_stored(stored: Mapping[str, Any]) -> Steps:
    """Read what was stored; steps that this version does not know are left out."""
    done = tuple(step for step in STEPS if step in stored.get("done", ()))
    drafts = {s: d for s, d in stored.get("drafts", {}).items() if s in STEPS}
    return Steps(done, drafts)
