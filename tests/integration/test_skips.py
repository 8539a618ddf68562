"""What needs a tool or data that is absent is skipped loudly, or fails where it is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TESTS = """
import pytest

@pytest.mark.browser
def test_browser(): pass

@pytest.mark.node
def test_node(): pass

@pytest.mark.data
def test_data(): pass
"""


def pytest_of(folder: Path, **environ: str) -> str:
    (folder / "test_marked.py").write_text(TESTS)
    (folder / "empty").mkdir()
    paths = {"PATH": str(folder / "empty"), "HIROBA_TEST_DATA": str(folder / "none")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    done = subprocess.run(
        [*command, *options, str(folder / "test_marked.py")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "HIROBA_REQUIRE": "", "PYTHONPATH": str(ROOT), **paths, **environ},
        timeout=120,
    )
    return done.stdout


def test_each_absent_tool_is_one_loud_line(tmp_path: Path) -> None:
    shown = pytest_of(tmp_path)

    assert "3 skipped" in shown
    assert "!!! 1 browser tests were SKIPPED: Chromium is not installed !!!" in shown
    assert "!!! 1 node tests were SKIPPED: Node.js is not installed !!!" in shown
    assert "!!! 1 data tests were SKIPPED: HIROBA_TEST_DATA does not name a folder !!!" in shown


@pytest.mark.parametrize(("required", "failed"), [("browser,node,data", 3), ("node", 1)])
def test_a_skip_is_a_failure_where_it_is_required(
    tmp_path: Path, required: str, failed: int
) -> None:
    shown = pytest_of(tmp_path, HIROBA_REQUIRE=required)

    assert f"{failed} " in shown.splitlines()[-1]
    assert ("failed" in shown.splitlines()[-1]) or ("error" in shown.splitlines()[-1])
    assert "and HIROBA_REQUIRE names node" in shown
