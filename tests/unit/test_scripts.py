"""The scripts of the pages: their own tests, their types, their size, how they are served."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from web.pages.people import hue
from web.static_files import LINE_COMMENT, static_files, without_comments

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "web/static"
SCRIPTS = sorted(STATIC.rglob("*.js"))


@pytest.mark.node
def test_the_tests_of_the_scripts_pass():
    people = json.dumps([hue(person) for person in ("m42", "g0123456789abcdef", "m1")])

    done = subprocess.run(
        ["node", "--test", *map(str, sorted((ROOT / "tests/unit/scripts").glob("*.test.js")))],
        env={**os.environ, "HUES": people},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.node
def test_the_types_of_the_scripts_hold():
    tsc = shutil.which("tsc")
    if tsc is None:
        if "tsc" in os.environ.get("HIROBA_REQUIRE", "").split(","):
            pytest.fail("tsc is not installed, and HIROBA_REQUIRE names tsc")
        pytest.skip("tsc (npm install typescript) is not on the PATH")

    done = subprocess.run(
        [
            *(tsc, "--noEmit", "--allowJs", "--checkJs", "--strict", "--skipLibCheck"),
            *("--target", "es2023", "--module", "esnext", "--moduleResolution", "bundler"),
            *("--lib", "es2023,dom,dom.iterable", "--types", "", *map(str, SCRIPTS)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.node
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_a_script_without_its_comments_is_still_a_script(path):
    served = without_comments(path.read_bytes())

    done = subprocess.run(
        ["node", "--input-type=module", "--check"], input=served, capture_output=True, timeout=30
    )

    assert done.returncode == 0, done.stderr.decode()
    assert b"/**" not in served
    assert not LINE_COMMENT.search(served)


def test_the_live_room_needs_little_script():
    files = static_files()
    modules = files.modules("live/main.js")

    size = sum(len(gzip.compress(files.files[module].body, 9)) for module in modules)

    assert len(modules) <= 10
    assert size <= 25 * 1024


def test_an_ordinary_page_needs_very_little_script():
    files = static_files()

    assert sum(len(files.files[m].packed or b"") for m in files.modules("core/page.js")) <= 10_240
