"""The folders are what the architecture says, and import-linter knows all of them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
CONTRACTS: dict[str, dict[str, Any]] = {
    contract["name"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
}
LINES = 400


def test_every_feature_of_rooms_is_kept_apart_from_the_others() -> None:
    folders = {f"rooms.{path.parent.name}" for path in (ROOT / "rooms").glob("*/__init__.py")}

    listed = CONTRACTS["features of rooms do not call each other"]["modules"]

    assert set(listed) == folders


def test_the_pure_parts_are_held_pure() -> None:
    pure = next(contract for name, contract in CONTRACTS.items() if name.startswith("rules"))

    assert {"asyncpg", "redis", "starlette"} <= set(pure["forbidden_modules"])
    assert {"moderation.rules", "rooms.rules", "rooms.*.rules"} <= set(pure["source_modules"])
    if (ROOT / "rooms" / "search" / "tokens.py").exists():
        assert "rooms.search.tokens" in pure["source_modules"]


def test_the_pure_parts_load_without_database_redis_and_http() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in ("moderation", "rooms")
        for path in (ROOT / package).rglob("*.py")
        if path.name == "rules.py" or path.parts[-2:] == ("search", "tokens.py")
    ]
    script = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
print(*{{"asyncpg", "redis", "hiredis", "starlette"}} & set(sys.modules))
"""

    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert len(modules) > 3
    assert loaded.stdout.split() == []


def test_nothing_else_lies_at_the_top() -> None:
    folders = {"server", "rooms", "moderation", "web", "loadtest", "tests", ".ci", "node_modules"}
    found = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and not path.name.startswith((".", "__")) and path.suffix != ".egg-info"
    }

    assert found <= folders


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    packages = ("server", "moderation", "rooms", "web", "loadtest")
    files = [path for package in packages for path in (ROOT / package).rglob("*.py")]

    long = {
        str(path.relative_to(ROOT)): count
        for path in files
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LINES
    }

    assert long == {}
