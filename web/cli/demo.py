"""What `serve` does for the demo, and what keeps it apart from a real community."""

from __future__ import annotations

import signal
import sys

from server.child import Child, spawn
from server.database import Database
from server.embedded_place import make_private
from server.errors import HirobaError, SettingsError
from server.settings import Settings
from web.cli.children import environment
from web.demo.community import SIGN_INS, password, people
from web.demo.seed import SEEDED

CLIP = "demo.mp4"


def refuse_for_strangers(settings: Settings) -> None:
    """Refuse the demo where others than this machine could reach it."""
    if not settings.is_local:
        raise SettingsError(
            "PUBLIC_URL",
            "the demo is for this machine only, as everybody knows its sign-ins; add --no-demo",
        )


async def refuse_other_kind(db: Database, demo: bool) -> None:
    """Refuse the demo on a real community's data, and the other way round."""
    seeded = await db.value("SELECT EXISTS (SELECT FROM settings WHERE name = $1)", SEEDED)
    if seeded and not demo:
        raise HirobaError(
            "this data holds the demo, whose sign-ins everybody knows; choose another --data"
        )
    if demo and not seeded and await db.value("SELECT EXISTS (SELECT FROM members)"):
        raise HirobaError("this data holds a community, not the demo; start it with --no-demo")


def draw_clip(settings: Settings) -> Child | None:
    """Begin to draw the clip of the broadcast (10 s of CPU) where it is missing."""
    media = settings.data_dir / "media"
    if (media / CLIP).exists():
        return None
    make_private(settings.data_dir)
    media.mkdir(exist_ok=True)
    return spawn(
        [sys.executable, "-P", "-m", "web.demo.clip", media / CLIP],
        death_signal=signal.SIGKILL,
        environ=environment({}),
    )


def sign_ins() -> list[dict[str, str]]:
    """Give the people who can be signed in as, with the password that all of them have."""
    known = people()
    return [{"role": key, "name": known[key].name, "password": password()} for key in SIGN_INS]
