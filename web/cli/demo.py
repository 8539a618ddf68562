"""What `serve` does for the demo, and what keeps it apart from a real community."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace

from server.child import Child, spawn
from server.database import Database
from server.embedded import running_servers
from server.embedded_place import make_private
from server.errors import HirobaError, SettingsError
from server.settings import DATA, Settings
from web.cli.children import environment
from web.demo.community import SIGN_INS, password, people
from web.demo.seed import SEEDED

KINDS = ("community", "demo")
CLIP = "demo.mp4"


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
