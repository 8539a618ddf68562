import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest import cpu
from loadtest.peers import binary_peers
from loadtest.peers.catalogue import PEERS
from loadtest.peers.peer import (
    MARK,
    PAYLOAD,
    Found,
    Launch,
    Missing,
    Place,
    Tools,
    version_in,
    words,
)
from loadtest.peers.plot import plot
from loadtest.peers.proc import tree, usage
from loadtest.peers.race import Outcome, Told, Work, rows, yardstick_row
from loadtest.report import Row
from loadtest.scenarios import peers

PORT = 4321
NOWHERE = Tools(
    "/none/python", "/none/node", Path("/none"), "/none/nginx", None, "/none/n", "/none/c"
)
WORK = Work(viewers=10, rounds=3, deliveries=100, rate=200, most=400)


class Sample:
    title = "somebody"
    version = "1.2"


def program(path: Path, says: str) -> str:
    """Write a program that says one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return str(path)


def launch(found: Found | Missing, folder: Path) -> Launch:
    assert isinstance(found, Found)
    return found.launch(Place(PORT, folder))


def test_a_comment_has_always_the_same_size_and_its_mark_once() -> None:
    texts = [words(number) for number in (0, 7, 99_999_999)]

    assert [len(text) for text in texts] == [PAYLOAD] * 3
    assert [text.count(MARK) for text in texts] == [1] * 3
    assert len(set(texts)) == 3
    assert json.loads(texts[1])["name"] == "Alice Example"


@pytest.mark.parametrize("name", list(PEERS))
def test_a_peer_that_is_not_there_says_in_a_line_what_to_install(name: str) -> None:
    missing = PEERS[name].find(NOWHERE)

    assert isinstance(missing, Missing)
    assert "install" in missing.install
    assert "\n" not in missing.install


def test_the_starlette_of_this_python_is_found_with_its_versions() -> None:
    found = PEERS["starlette"].find(Tools())

    assert isinstance(found, Found)
    assert found.version.startswith(version_in(found.version))
    assert "uvicorn" in found.version


def test_starlette_with_default_settings_is_offered_deflate_and_counted_by_frames(
    tmp_path: Path,
) -> None:
    default = launch(PEERS["starlette"].find(Tools()), tmp_path)
    plain = launch(PEERS["starlette-plain"].find(Tools()), tmp_path)

    assert any("permessage-deflate" in header for header in default.headers)
    assert (default.counted, plain.counted) == ("", MARK)
    assert default.command == [sys.executable, *plain.command[1:3]]
    assert plain.command[3:] == ["no-deflate"]


def test_nchan_is_found_beside_its_nginx_and_configured_for_one_channel(tmp_path: Path) -> None:
    nginx = program(tmp_path / "usr/sbin/nginx", "nginx version: nginx/1.2.3")
    module = tmp_path / "usr/lib/nginx/modules/ngx_nchan_module.so"
    module.parent.mkdir(parents=True)
    module.touch()
    found = binary_peers.find_nchan(Tools(nginx=nginx))

    made = launch(found, tmp_path)

    assert isinstance(found, Found)
    assert found.version == "nginx 1.2.3"
    settings = tmp_path / "nginx.conf"
    assert made.command == [nginx, "-p", str(tmp_path), "-c", str(settings), "-e", "stderr"]
    assert f"load_module {module.resolve()};" in settings.read_text()
    assert f"listen 127.0.0.1:{PORT} " in settings.read_text()
    assert settings.read_text().count("{") == settings.read_text().count("}")


def test_nginx_without_nchan_is_missing_the_module(tmp_path: Path) -> None:
    nginx = program(tmp_path / "usr/sbin/nginx", "nginx version: nginx/1.2.3")
    nowhere = tmp_path / "elsewhere.so"

    missing = binary_peers.find_nchan(Tools(nginx=nginx, nchan=nowhere))

    assert isinstance(missing, Missing)
    assert "libnginx-mod-nchan" in missing.install


def test_nats_is_spoken_to_in_its_own_protocol(tmp_path: Path) -> None:
    nats = program(tmp_path / "nats-server", "nats-server: v2.10.4")
    found = binary_peers.find_nats(Tools(nats=nats))

    made = launch(found, tmp_path)

    assert isinstance(found, Found)
    assert found.version == "2.10.4"
    assert f'websocket {{ listen: "127.0.0.1:{PORT}"' in (tmp_path / "nats.conf").read_text()
    assert made.hello[0].endswith("SUB room 1\r\nPING\r\n")
    assert made.saying("é") == "PUB room 2\r\né\r\n"
    assert dict(made.answers) == {"PING": "PONG\r\n"}


def test_centrifugo_is_subscribed_and_published_through_with_its_own_commands(
    tmp_path: Path,
) -> None:
    centrifugo = program(tmp_path / "centrifugo", "Centrifugo v6.1.2 (Go version: go1.25)")
    found = binary_peers.find_centrifugo(Tools(centrifugo=centrifugo))

    made = launch(found, tmp_path)

    assert isinstance(found, Found)
    assert found.version == "6.1.2"
    assert json.loads((tmp_path / "config.json").read_text())["http_server"]["port"] == PORT
    assert json.loads(made.hello[1])["subscribe"] == {"channel": "room"}
    said = json.loads(made.saying(words(1)))
    assert said["publish"] == {"channel": "room", "data": json.loads(words(1))}


def test_ws_is_found_in_a_folder_of_node_modules(tmp_path: Path) -> None:
    node = program(tmp_path / "node", "v20.1.0")
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws/package.json").write_text('{"version": "8.1.2"}')
    found = binary_peers.find_ws(Tools(node=node, node_modules=tmp_path))

    made = launch(found, tmp_path)

    assert isinstance(found, Found)
    assert found.version == "8.1.2, Node v20.1.0"
    assert made.command[2:] == [str(PORT), str(tmp_path.resolve())]


def test_socketio_says_an_event_and_answers_pings(tmp_path: Path) -> None:
    socketio = PEERS["socketio"]
    packages = {"python-socketio": "5", "uvicorn": "1", "websockets": "2", "python": "3"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loadtest.peers.python_peers.versions", lambda python: packages)
        made = launch(socketio.find(Tools()), tmp_path)

    assert json.loads(made.saying(words(1)).removeprefix("42")) == ["say", words(1)]
    assert made.saying(words(1)).count(MARK) == 1
    assert dict(made.answers) == {"2": "3"}


def test_only_peers_that_exist_can_be_asked_for() -> None:
    assert peers._names("hiroba,ws") == ["hiroba", "ws"]
    with pytest.raises(argparse.ArgumentTypeError, match="'hirobu'"):
        peers._names("hirobu")


def test_what_is_missing_and_what_is_there_are_told_apart() -> None:
    parser = argparse.ArgumentParser()
    peers.add_parser(parser.add_subparsers())
    wanted = "hiroba,starlette,nats"
    words = ["peers", "--peers", wanted, "--nats", "/none/nats", "--ways", "write,ring"]

    there = peers._field(parser.parse_args(words))

    assert list(there.present) == ["starlette"]
    assert there.ways == ["write", "ring"]
    assert list(there.missing) == ["nats"]


def told(cpu_us: float, arrived: int = 100) -> Told:
    return Told(
        comments=10,
        publications=arrived,
        frames=arrived,
        bytes=150 * arrived,
        seconds=0.02,
        cpu_us={"somebody": cpu_us},
    )


def test_a_row_is_the_median_of_rounds_each_beside_its_own_yardstick() -> None:
    rounds = [(5.0, told(1000)), (10.0, told(4000)), (4.0, told(1200))]
    outcome = Outcome({"somebody": 10 * 4096}, rounds, busy=told(500))

    (row,) = rows(Sample(), outcome, WORK)

    assert row.cpu_us_per_delivery == pytest.approx(12)
    assert row.ratio_to_c_send == pytest.approx(3)
    assert row.rss_kb_per_connection == pytest.approx(4)
    assert row.more["busy_ratio_to_c_send"] == pytest.approx(1)
    assert row.more["bytes_per_frame"] == 150
    assert "lost" not in row.more
    assert yardstick_row([outcome], WORK).cpu_us_per_delivery == pytest.approx(5)


def test_a_row_says_how_many_deliveries_were_lost() -> None:
    rounds = [(5.0, told(1000)), (5.0, told(1000, arrived=97))]

    (row,) = rows(Sample(), Outcome({"somebody": 0}, rounds, busy=told(1000, arrived=99)), WORK)

    assert row.more["lost"] == 4


def test_the_plot_has_a_bar_for_each_figure_and_marks_what_is_cut_or_lost() -> None:
    made = [
        Row("C send()", 10, 5.0, 1.0),
        Row("Hiroba", 10, 5.0, 1.1, more={"busy_ratio_to_c_send": 0.2}),
        Row("a <slow> one", 10, 500.0, 100.0, more={"lost": 3}),
        Row("Hiroba", 500, 5.0, 1.0),
    ]

    svg = plot(made, 150, {"machine": "a machine", "cpus": 2, "date": "2026-01-02T03:04:05Z"})

    assert svg.count('class="bar ours"') == 2
    assert svg.count('class="bar peer"') == 1
    assert svg.count("<path") == 1
    assert "100 (lost some)" in svg
    assert "a &lt;slow&gt; one" in svg
    assert ">150 comments a second<" in svg
    assert "prefers-color-scheme: dark" in svg


def test_a_tree_of_processes_counts_with_all_its_descendants() -> None:
    with subprocess.Popen(
        # The shell says its word when its child is there, and both stay until the input ends.
        ["sh", "-c", "{ cat <&3 & } 3<&0; echo; wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()

        ours, theirs = tree([os.getpid()]), tree([process.pid])
        together, alone = usage([process.pid, *theirs]), cpu.resident(process.pid)
        process.stdin.close()

    assert len(theirs) == 2
    assert theirs < ours
    assert alone < together.resident < 100 * alone
    assert usage([os.getpid()]).cpu_us > 0
