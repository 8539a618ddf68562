"""`./run` makes its venv once, installs what the lock says, and hands over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BASE_PYTHON = str(getattr(sys, "_base_executable", sys.executable))
TOOLS = ("sh", "dirname", "cmp", "cp", "rm", "cat", "env", "mkdir", "chmod")
PRINT = "import sys, os; print('handed over', sys.argv[1:], os.getcwd())"
UV = """#!/bin/sh
echo "uv $*" >>"$LOG"
case "$1" in
venv) for folder; do :; done; exec "{python}" -m venv --without-pip "$folder" ;;
pip)
    for check in ruff mypy lint-imports; do
        printf '#!/bin/sh\\necho "%s $*" >>"$LOG"\\n[ "$FAIL" != %s ]\\n' $check $check \
            >"$VENV/bin/$check"
        chmod +x "$VENV/bin/$check"
    done ;;
esac
"""
PYTHON = """#!/bin/sh
echo "python $*" >>"$LOG"
case "$*" in
*"import ensurepip"*) exit {ensurepip} ;;
*"pip --version"*) exit {pip} ;;
*version_info*) exit {old} ;;
*"-m pip --python"*) exit 0 ;;
esac
exec "{python}" "$@"
"""


class Checkout:
    """A checkout whose command line only says that it was reached, with chosen tools."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"
        self.bin = folder / "bin"
        self.log = folder / "log"
        (self.root / "web" / "cli").mkdir(parents=True)
        (self.root / ".ci").mkdir()
        self.bin.mkdir()
        shutil.copy(ROOT / "run", self.root)
        (self.root / "requirements.lock").write_text("# nothing\n")
        (self.root / ".ci" / "dev.lock").write_text("# nothing either\n")
        for package in ("web", "web/cli"):
            (self.root / package / "__init__.py").touch()
        (self.root / "web" / "cli" / "__main__.py").write_text(PRINT)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)

    def add_python(self, *, ensurepip: bool = True, pip: bool = True, old: bool = False) -> None:
        codes = {"ensurepip": int(not ensurepip), "pip": int(not pip), "old": int(old)}
        self._script("python3", PYTHON.format(python=BASE_PYTHON, **codes))

    def add_uv(self) -> None:
        self._script("uv", UV.format(python=BASE_PYTHON))

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        elsewhere = self.root.parent
        paths = {"PATH": str(self.bin), "LOG": str(self.log), "VENV": str(self.root / ".venv")}
        return subprocess.run(
            [str(self.root / "run"), *arguments],
            capture_output=True,
            text=True,
            cwd=elsewhere,
            env={"HOME": str(elsewhere), **paths, **environ},
            timeout=120,
        )

    def calls(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def _script(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_start_installs_and_the_second_does_not(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()

    first = checkout.run("--port", "0")
    calls = checkout.calls()
    second = checkout.run("serve")

    assert first.stdout == f"handed over ['--port', '0'] {checkout.root.parent}\n"
    assert "Installing packages" in first.stderr
    assert "uv pip install" in calls
    assert "--require-hashes" in calls
    assert (second.stdout.split("]")[0], second.stderr) == ("handed over ['serve'", "")
    assert checkout.calls() == calls


def test_a_changed_lock_is_installed(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    checkout.run()
    (checkout.root / "requirements.lock").write_text("# something new\n")

    again = checkout.run()

    assert "Installing packages" in again.stderr
    assert checkout.calls().count("uv pip install") == 2
    assert checkout.calls().count("uv venv") == 1


def test_a_venv_that_lost_its_python_is_made_again(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    checkout.run()
    (checkout.root / ".venv" / "bin" / "python").unlink()

    again = checkout.run()

    assert "handed over" in again.stdout
    assert checkout.calls().count("uv venv") == 2


def test_without_uv_the_venv_has_its_own_pip(checkout: Checkout) -> None:
    checkout.add_python()

    started = checkout.run("doctor")

    assert started.stdout.startswith("handed over ['doctor']"), started.stderr
    assert (checkout.root / ".venv" / "bin" / "pip").exists()


def test_without_ensurepip_pip_fills_a_venv_without_pip(checkout: Checkout) -> None:
    checkout.add_python(ensurepip=False)

    started = checkout.run()

    assert "handed over" in started.stdout, started.stderr
    assert "-m venv --without-pip" in checkout.calls()
    assert "-m pip --python" in checkout.calls()
    assert not (checkout.root / ".venv" / "bin" / "pip").exists()


def test_without_pip_of_any_kind_it_says_what_to_install(checkout: Checkout) -> None:
    checkout.add_python(ensurepip=False, pip=False)

    refused = checkout.run()

    assert refused.returncode == 1
    assert "Install python3-venv or python3-pip, or uv" in refused.stderr


def test_a_python_that_is_too_old_is_refused(checkout: Checkout) -> None:
    checkout.add_python(old=True)

    refused = checkout.run()

    assert refused.returncode == 1
    assert "Python 3.11 or newer is needed" in refused.stderr


def test_an_installation_that_failed_is_tried_again(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    (checkout.bin / "cp").unlink()

    failed = checkout.run()
    (checkout.bin / "cp").symlink_to(str(shutil.which("cp")))
    again = checkout.run()

    assert failed.returncode != 0
    assert "handed over" not in failed.stdout
    assert "Installing packages" in again.stderr
    assert "handed over" in again.stdout


def test_what_lies_in_the_callers_folder_is_not_imported(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    trap = checkout.root.parent / "web"
    trap.mkdir()
    (trap / "__init__.py").write_text("raise SystemExit('a trap')")

    assert "handed over" in checkout.run().stdout


@pytest.mark.parametrize(
    ("failing", "seen"), [("", 3), ("mypy", 2), ("ruff", 1), ("lint-imports", 3)]
)
def test_the_checks_run_in_order_and_stop_at_the_first_that_fails(
    checkout: Checkout, failing: str, seen: int
) -> None:
    checkout.add_python()
    checkout.add_uv()

    tested = checkout.run("test", "--version", FAIL=failing)

    calls = [
        line for line in checkout.calls().splitlines() if not line.startswith(("uv", "python"))
    ]
    assert "dev.lock" in checkout.calls()
    assert (
        list(dict.fromkeys(line.split()[0] for line in calls))
        == [*("ruff", "mypy", "lint-imports")][:seen]
    )
    assert tested.returncode != 0
    # Without pytest in this venv the last check fails too, which shows that it was reached.
    assert ("No module named pytest" in tested.stderr) == (not failing)


def test_the_script_is_plain_posix_shell() -> None:
    for script in (ROOT / "run", ROOT / ".ci" / "run"):
        assert script.read_text().startswith("#!/bin/sh\n")
        assert os.access(script, os.X_OK)
        subprocess.run(["sh", "-n", str(script)], check=True)
