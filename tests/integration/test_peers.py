from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from loadtest import __main__ as command
from loadtest.native.build import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="the yardstick is written in C")


def peers(*options: str, folder: Path) -> int:
    """Run `python -m loadtest peers` in a small size."""
    words = ["loadtest", "peers", "--viewers", "5", "--rounds", "1", "--deliveries", "25"]
    words += ["--comments", "5", "--out", str(folder), *options]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        return command.main()


def test_starlette_does_the_same_work_beside_the_yardstick(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = peers("--peers", "starlette,starlette-plain,nats", "--nats", "/none", folder=tmp_path)

    assert status == 0
    rows = json.loads((tmp_path / "report.json").read_text())
    assert rows[0]["name"] == "C send()"
    assert rows[0]["ratio_to_c_send"] == 1
    assert {row["name"] for row in rows[1:]} == {
        "Starlette, uvicorn, default settings",
        "Starlette, uvicorn, deflate off",
    }
    for row in rows[1:]:
        assert row["viewers"] == 5
        assert row["cpu_us_per_delivery"] > 0
        assert row["ratio_to_c_send"] > 0
        assert row["busy_comments"] == 5
        assert "rss_kb_per_connection" in row
        assert "uvicorn" in row["version"]
        assert "lost" not in row
    assert (tmp_path / "peers.svg").read_text().startswith("<svg")
    assert "missing       nats: go install" in capsys.readouterr().out


def test_a_peer_that_does_not_start_is_told_with_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nats = tmp_path / "nats-server"
    nats.write_text("#!/bin/sh\necho no, thank you >&2\nexit 1\n")
    nats.chmod(0o755)

    status = peers("--peers", "nats,starlette-plain", "--nats", str(nats), folder=tmp_path)

    assert status == 0
    assert "no, thank you" in capsys.readouterr().out
    rows = json.loads((tmp_path / "report.json").read_text())
    assert [row["name"] for row in rows[1:]] == ["Starlette, uvicorn, deflate off"]
