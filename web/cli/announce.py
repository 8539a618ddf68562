"""What `serve` prints when everything runs."""

from __future__ import annotations

import json
import os

from web.cli import demo
from web.cli.supervisor import Supervisor


def as_json(supervisor: Supervisor, *, setup: str | None) -> None:
    """Print one line of JSON: addresses, processes by role, servers."""
    settings = supervisor.settings
    line = {
        "ready": True,
        "urls": [settings.public_url],
        "metrics_url": supervisor.metrics_url,
        "pids": {"supervisor": [os.getpid()], **supervisor.pids()},
        "database_url": settings.database_url,
        "redis_url": settings.redis_url,
        "data_dir": str(settings.data_dir),
        "setup_url": setup,
        "sign_ins": demo.sign_ins() if settings.demo else [],
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


def as_list(supervisor: Supervisor, *, setup: str | None) -> None:
    """Print a short list for a person: addresses, sign-ins, how to stop."""
    settings = supervisor.settings
    rows = [("Open", settings.public_url)]
    if setup is not None:
        rows.append(("Set up", f"{setup} (makes you the owner, once)"))
    rows.append(("Metrics", supervisor.metrics_url))
    rows.append(("Data", str(settings.data_dir)))
    lines = [f"  {name:<11}{value}" for name, value in rows]
    if settings.demo:
        people = demo.sign_ins()
        lines += ["", f"Sign in with the password {people[0]['password']} as"]
        lines += [f"  {person['role']:<11}{person['name']}" for person in people]
    print("\n".join(["", "Hiroba is running.", "", *lines, ""]))
    print("Ctrl-C stops it; what was said stays.", flush=True)
