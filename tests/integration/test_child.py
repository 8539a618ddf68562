"""A child process ends with its parent, by the kernel's signal or by the end of a pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from server.child import Account, spawn, wait_until
from server.errors import HirobaError

ROOT = Path(__file__).parent.parent.parent
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = """
import signal, sys, time
from server.child import spawn
children = [
    spawn([sys.executable, "-c", "import time; time.sleep(600)"], death_signal=signal.SIGTERM,
          **({"watch": True} if "watch" in sys.argv else {}))
    for _ in range(3)
]
print(*[child.pid for child in children], flush=True)
time.sleep(600)
"""


POOL = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from server.child import end_with_parent
if __name__ == "__main__":
    context = get_context("spawn")
    with ProcessPoolExecutor(2, context, end_with_parent, (os.getpid(),)) as pool:
        list(pool.map(time.sleep, [0, 0]))
        print("1 2 3", flush=True)
        time.sleep(600)
"""


@pytest.fixture
def orphaned(tmp_path: Path) -> Callable[..., list[psutil.Process]]:
    """Start a parent with three children and kill it; gives the children and their watchers."""

    def start(*args: str, script: str = PARENT) -> list[psutil.Process]:
        (tmp_path / "parent.py").write_text(script)
        command = [sys.executable, str(tmp_path / "parent.py"), *args]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as parent:
            assert parent.stdout is not None
            assert len(parent.stdout.readline().split()) == 3
            family = psutil.Process(parent.pid).children(recursive=True)
            parent.kill()
        return family

    return start


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux only")
def test_children_of_a_killed_parent_end(orphaned: Callable[..., list[psutil.Process]]) -> None:
    family = orphaned()

    _, alive = psutil.wait_procs(family, timeout=10)

    assert len(family) == 3
    assert not alive


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux only")
def test_a_pool_of_processes_ends_with_its_parent(
    orphaned: Callable[..., list[psutil.Process]],
) -> None:
    family = orphaned(script=POOL)

    _, alive = psutil.wait_procs(family, timeout=10)

    assert len(family) >= 2
    assert not alive


def test_children_with_a_watcher_end_too(orphaned: Callable[..., list[psutil.Process]]) -> None:
    family = orphaned("watch")

    _, alive = psutil.wait_procs(family, timeout=10)

    assert len(family) == 6
    assert not alive


def test_a_watcher_ends_with_its_child() -> None:
    before = len(psutil.Process().children(recursive=True))
    child = spawn(SLEEP, death_signal=signal.SIGTERM, watch=True)

    status = child.stop([(signal.SIGTERM, 10)])

    assert status == -signal.SIGTERM
    assert len(psutil.Process().children(recursive=True)) == before


def test_a_child_that_ignores_the_signal_is_killed() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    read, write = os.pipe()
    child = spawn(
        [sys.executable, "-c", f"{stubborn}; time.sleep(600)"],
        death_signal=signal.SIGKILL,
        output=write,
    )
    assert os.read(read, 1) == b"1"

    status = child.stop([(signal.SIGTERM, 0.1)])

    assert status == -signal.SIGKILL
    os.close(read)
    os.close(write)


def test_a_key_press_in_the_terminal_does_not_reach_children() -> None:
    child = spawn(SLEEP, death_signal=signal.SIGTERM)

    assert os.getpgid(child.pid) != os.getpgid(0)
    child.stop([(signal.SIGTERM, 10)])


def test_another_thread_may_not_start_processes() -> None:
    problems: list[str] = []

    def attempt() -> None:
        try:
            spawn(SLEEP, death_signal=signal.SIGTERM)
        except HirobaError as error:
            problems.append(str(error))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()

    assert problems == ["processes are started from the main thread"]


def test_an_account_reaches_only_what_every_folder_lets_through(tmp_path: Path) -> None:
    stranger = Account(uid=65_000, gid=65_000)
    home = tmp_path / "home"
    program = home / "bin" / "program"
    program.parent.mkdir(parents=True)
    program.touch(0o644)
    parents = [folder for folder in program.resolve().parents if folder.stat().st_mode & 1 == 0]
    for folder in parents:
        folder.chmod(0o711)

    reachable = stranger.can_reach(program)
    home.chmod(0o700)
    behind_a_private_home = stranger.can_reach(program)
    home.chmod(0o711)
    program.chmod(0o600)
    unreadable = stranger.can_reach(program)

    assert (reachable, behind_a_private_home, unreadable) == (True, False, False)


def test_waiting_for_a_condition_has_an_end() -> None:
    assert not wait_until(lambda: False, 0.05)
    assert wait_until(lambda: True, 0)
