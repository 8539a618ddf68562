"""The scripts of the pages: their own tests, their types, their size, how they are served."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from rooms.shop.gifts.rules import commitment_of, digest_of, drawn
from rooms.shop.money import EXPONENTS
from tests.browser.goods import flash, goods
from web.pages.people import hue
from web.pages.shelf import offer_of
from web.static_files import LINE_COMMENT, static_files, without_comments

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "web/static"
SCRIPTS = sorted(STATIC.rglob("*.js"))


@pytest.mark.node
def test_the_tests_of_the_scripts_pass():
    hues = json.dumps([hue(person) for person in ("m42", "g0123456789abcdef", "m1")])
    exponents = json.dumps(dict(EXPONENTS))
    sold = [
        goods(1, "Serum", 12, 40, sale=flash()),
        goods(2, "Cream", 0),
        goods(3, "Gel", 200, price=1980, sale=flash(1500, starts=60)),
    ]
    told = [(product, asdict(offer_of(product))) for product in sold]
    seed, people = bytes(range(32)), ["m2", "m10", "gAbCdEfGhIjKlMnOp", "g_-0123456789abcd"]
    draw = {
        "seed": seed.hex(),
        "commitment": commitment_of(seed).hex(),
        "entries_digest": digest_of(people).hex(),
        "people": people,
        "winners": 3,
        "won": [{"person": person} for person in drawn(seed, people, 3)],
    }

    done = subprocess.run(
        ["node", "--test", *map(str, sorted((ROOT / "tests/unit/scripts").glob("*.test.js")))],
        env={
            **os.environ,
            "HUES": hues,
            "EXPONENTS": exponents,
            "OFFERS": json.dumps(told),
            "DRAW": json.dumps(draw),
        },
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


def test_what_sells_comes_after_the_live_room_and_is_small():
    files = static_files()
    first = files.modules("live/main.js")
    later = [module for module in files.modules("live/shelf.js") if module not in first]

    assert len(later) <= 6
    assert sum(len(files.files[module].packed or b"") for module in later) <= 13 * 1024


def test_an_ordinary_page_needs_very_little_script():
    files = static_files()

    assert sum(len(files.files[m].packed or b"") for m in files.modules("core/page.js")) <= 10_240
