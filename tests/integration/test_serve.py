"""`hiroba serve` starts everything, keeps it running, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from server.child import wait_until
from tests.running import ROOT, Running, clean_environ, running
from tests.servers import Shared


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hiroba-serve-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def hiroba() -> Iterator[Running]:
    """One that several tests look at; none of them leaves it otherwise than it found it."""
    with (
        tempfile.TemporaryDirectory(prefix="hiroba-serve-") as folder,
        running(Path(folder), "--gateways", "2", "--no-demo") as hiroba,
    ):
        yield hiroba


def cli(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "web.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**clean_environ(), **environ},
        timeout=60,
    )


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_the_json_line_names_addresses_processes_and_servers(hiroba: Running) -> None:
    facts = hiroba.facts

    assert is_ready(hiroba.url)
    assert facts["pids"]["supervisor"] == [hiroba.process.pid]
    assert len(facts["pids"]["gateway"]) == 2
    assert len(facts["pids"]["worker"]) == 1
    assert facts["setup_url"].startswith(f"{hiroba.url}/set-up/")
    assert facts["sign_ins"] == []
    named = {pid for pids in facts["pids"].values() for pid in pids}
    assert all(psutil.pid_exists(pid) for pid in named)
    assert facts["database_url"].startswith("postgresql://")
    assert facts["redis_url"].startswith("unix://")


def test_metrics_are_served_beside_the_public_port_with_every_process(hiroba: Running) -> None:
    page = httpx.get(hiroba.facts["metrics_url"]).text

    assert 'hiroba_up{name="postgres",process="supervisor"} 1.0' in page
    for process in ("supervisor", "gateway-1", "gateway-2", "worker"):
        assert f'process_cpu_seconds_total{{process="{process}"}}' in page
    for name, process in (
        ("hiroba_connections", "gateway-1"),
        ("hiroba_subscriptions", "gateway-2"),
        ("hiroba_load_level", "gateway-1"),
        ("hiroba_log_backlog_entries", "worker"),
        ("hiroba_outbox_waiting", "worker"),
        ("hiroba_tasks", "worker"),
    ):
        assert f'{name}{{process="{process}"}}' in page
    assert httpx.get(f"{hiroba.url}/metrics").status_code == 404


def test_a_second_start_on_the_same_data_says_where_the_first_runs(hiroba: Running) -> None:
    second = cli("serve", "--port", "0", "--data", hiroba.facts["data_dir"])

    assert second.returncode == 1
    assert f"already runs at {hiroba.url}" in second.stderr
    assert is_ready(hiroba.url)


def test_a_port_that_is_taken_is_named_before_anything_starts(
    hiroba: Running, folder: Path
) -> None:
    port = hiroba.url.rpartition(":")[2]

    second = cli("serve", "--port", port, "--data", str(folder / "data"))

    assert second.returncode == 1
    assert f"port {port} is taken" in second.stderr
    assert not (folder / "data").exists()


def test_a_metrics_port_that_is_taken_is_named(hiroba: Running, folder: Path) -> None:
    port = hiroba.facts["metrics_url"].split(":")[2].split("/")[0]
    options = ("--no-demo", "--port", "0", "--data", str(folder / "data"))

    second = cli("serve", *options, HIROBA_METRICS_PORT=port)

    assert second.returncode == 1
    assert second.stderr.startswith("hiroba: HIROBA_METRICS_PORT: ")


def test_each_gateway_has_a_socket_on_the_loopback_address(hiroba: Running) -> None:
    port = int(hiroba.url.rpartition(":")[2])

    listening = [
        connection
        for connection in psutil.Process(hiroba.process.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    ]

    assert len(listening) == 2
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


@pytest.mark.parametrize(("role", "name"), [("gateway", "gateway-1"), ("worker", "worker")])
def test_a_killed_process_comes_back(hiroba: Running, role: str, name: str) -> None:
    supervisor = psutil.Process(hiroba.process.pid)
    before = len(supervisor.children())

    os.kill(hiroba.facts["pids"][role][0], signal.SIGKILL)

    assert wait_until(lambda: f"process.restarted process=serve name={name}" in hiroba.log(), 30)
    assert wait_until(lambda: len(supervisor.children()) == before, 30, 0.1)
    assert wait_until(lambda: all(is_ready(hiroba.url) for _ in range(8)), 30, 0.1)
    metrics = httpx.get(hiroba.facts["metrics_url"]).text
    assert f'hiroba_restarts_total{{name="{name}"' in metrics


@pytest.mark.parametrize("server", ["postgres", "valkey"])
def test_a_killed_private_server_comes_back(hiroba: Running, server: str) -> None:
    os.kill(hiroba.facts["pids"][server][0], signal.SIGKILL)

    assert wait_until(lambda: not is_ready(hiroba.url), 30, 0.05)
    assert wait_until(lambda: is_ready(hiroba.url), 60, 0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_in_order(folder: Path, number: int) -> None:
    with running(folder, "--gateways", "1", "--no-demo") as hiroba:
        family = hiroba.family

        status = hiroba.stop(number)

        assert status == 0
        assert not [process for process in family if process.is_running()]
        assert "process.killed" not in hiroba.log()
        assert not Path(hiroba.facts["redis_url"].removeprefix("unix://")).parent.exists()


def test_a_killed_supervisor_leaves_no_process_and_the_next_start_goes_on(folder: Path) -> None:
    with running(folder, "--gateways", "2", "--no-demo") as first:
        family = first.family
        first.stop(signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=20)

    with running(folder, "--gateways", "1", "--no-demo") as second:
        ready = is_ready(second.url)

    assert len(family) >= 4
    assert not alive
    assert ready


def test_servers_of_ones_own_are_used_in_place_of_private_ones(
    folder: Path, database_url: str, redis_url: str, shared_servers: Shared
) -> None:
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}

    with running(folder, "--gateways", "1", "--no-demo", environ=environ) as hiroba:
        assert is_ready(hiroba.url)
        assert set(hiroba.facts["pids"]) & {"postgres", "valkey"} == set()
        assert not (folder / "data").exists()


def test_the_friendly_list_says_where_and_how_to_stop(folder: Path) -> None:
    command = [sys.executable, "-m", "web.cli", "--port", "0", "--data", str(folder / "data")]
    with subprocess.Popen(
        [*command, "--no-demo", "--gateways", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=clean_environ(),
    ) as process:
        assert process.stdout is not None
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            line = process.stdout.readline()
            assert line
            lines.append(line)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)

    assert any("http://127.0.0.1:" in line for line in lines)
    assert "Hiroba has stopped." in rest
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"HIROBA_BIND": "0.0.0.0"}, "PUBLIC_URL: has to be set"),
        ({"HIROBA_TLS_CERT": "x.pem"}, "HIROBA_TLS_CERT: TLS is not spoken here"),
        ({"HIROBA_PORT": "many"}, "HIROBA_PORT: 'many' is not a whole number"),
        ({"HIROBA_BIND": "192.0.2.1", "PUBLIC_URL": "https://a.example"}, "does not have the addr"),
        ({"DATABASE_URL": "sqlite://x"}, "DATABASE_URL: has to start with"),
    ],
)
def test_a_wrong_configuration_is_refused_at_start(
    folder: Path, environ: dict[str, str], problem: str
) -> None:
    refused = cli("serve", "--no-demo", "--data", str(folder / "data"), **environ)

    assert refused.returncode == 1
    assert problem in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (folder / "data").exists()


def test_a_database_that_is_away_is_said_in_one_line(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        urls = {
            "DATABASE_URL": f"postgresql://a@127.0.0.1:{port}/b",
            "REDIS_URL": "redis://127.0.0.1:1",
        }

        refused = cli("serve", "--port", "0", "--data", str(folder / "data"), **urls)

    assert refused.returncode == 1
    assert refused.stderr == "hiroba: The database does not answer.\n"


def test_the_help_lists_commands_and_settings() -> None:
    shown = cli("--help")

    assert shown.returncode == 0
    assert "serve" in shown.stdout
    assert "HIROBA_POST_RATE" in shown.stdout
    assert shown.stderr == ""


def test_a_gateway_that_finds_no_database_says_so_and_ends() -> None:
    nobody = {"DATABASE_URL": "postgresql://u@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}

    ended = cli("gateway", HIROBA_PORT="0", **nobody)

    assert ended.returncode == 3
    first, *_ = ended.stderr.splitlines()
    assert "gateway.not_started" in first
    assert "The database does not answer." in first
    assert "ConnectionRefusedError" not in ended.stderr
    assert "never retrieved" not in ended.stderr
