"""A whole replay against started servers: two gateways, the worker, PostgreSQL and Valkey."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TEXTS = ["こんにちは", "สวัสดี", "مرحبا", "hello 🛍", "how much is the blue one?", "同じ", "同じ"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of 90 lines by 30 people, some of whom talk fast."""
    rng = random.Random(7)
    path = tmp_path / "log.jsonl"
    lines = [
        {"ms": n * 300, "user": f"viewer{rng.randrange(30)}", "text": rng.choice(TEXTS)}
        for n in range(90)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n", encoding="utf-8")
    return path


def loadtest(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtest", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_every_line_reaches_every_viewer_and_the_history(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    done = loadtest("replay", str(log), "--viewers", "6", "--speed", "10", "--out", str(out))

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert report["passed"] is True
    assert report["facts"]["acknowledged"] == 90
    assert report["facts"]["deliveries"] == 6 * 90
    assert {"gateway-1", "gateway-2", "senders", "viewers"} <= set(report["cpu_seconds"])
    assert report["latency_ms"]["p99"] >= report["latency_ms"]["p50"] > 0
    assert "raised limit  HIROBA_POST_RATE=50/10s" in done.stdout
    (row,) = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert (row["name"], row["viewers"]) == ("replay", 6)
    assert row["latency_ms"] == report["latency_ms"]
    assert (out / "latency.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_file_that_is_no_log_is_told_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("{}\n", encoding="utf-8")

    done = loadtest("replay", str(path))

    assert done.returncode == 2
    assert "line 1" in done.stderr


def test_running_servers_need_a_room(log: Path) -> None:
    done = loadtest("replay", str(log), "--url", "http://127.0.0.1:1")

    assert done.returncode == 2
    assert "--room" in done.stderr
