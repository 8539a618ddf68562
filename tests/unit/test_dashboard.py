"""The dashboard shows every metric that there is and no other, and the page explains it."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from web.cli import supervisor

FOLDER = Path(__file__).parent.parent.parent / "web/metrics"
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
}
PROCESSES = ("web.cli.gateway", "web.cli.worker", "web.cli.supervisor")


@pytest.fixture(scope="module")
def known() -> dict[str, tuple[str, ...]]:
    """Every metric of all processes, with the names of its samples."""
    for module in PROCESSES:
        importlib.import_module(module)
    found: dict[str, tuple[str, ...]] = {}
    registries: list[CollectorRegistry] = [REGISTRY, supervisor.REGISTRY]
    for registry in registries:
        for family in registry.collect():
            suffixes = SUFFIXES.get(family.type, ())
            found[family.name] = tuple(family.name + suffix for suffix in suffixes)
    return found


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    return loaded


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the panels that show something."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def shown(dashboard: dict[str, Any]) -> set[str]:
    """Give the names of all samples in the queries."""
    queries = [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]
    return {name for query in queries for name in re.findall(r"(?:hiroba|process)_\w+", query)}


def test_every_metric_on_the_dashboard_exists(
    dashboard: dict[str, Any], known: dict[str, tuple[str, ...]]
) -> None:
    samples = {name for names in known.values() for name in names}
    # The client library gives these on Linux alone.
    on_linux = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}

    assert shown(dashboard) - samples - on_linux == set()


def test_every_metric_of_ours_is_on_the_dashboard(
    dashboard: dict[str, Any], known: dict[str, tuple[str, ...]]
) -> None:
    names = shown(dashboard)
    ours = {family: samples for family, samples in known.items() if family.startswith("hiroba_")}

    assert len(ours) > 40
    assert {family for family, samples in ours.items() if not names & set(samples)} == set()


def test_the_data_source_is_chosen_when_it_is_imported(dashboard: dict[str, Any]) -> None:
    (variable,) = dashboard["templating"]["list"]

    assert (variable["name"], variable["type"]) == ("datasource", "datasource")
    assert {panel["datasource"]["uid"] for panel in panels(dashboard)} == {"${datasource}"}


def test_panels_have_places_and_numbers_of_their_own(dashboard: dict[str, Any]) -> None:
    everything = dashboard["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in everything]

    assert len({panel["id"] for panel in everything}) == len(everything)
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in everything)


def test_the_page_says_of_every_panel_what_to_do_when_it_moves(dashboard: dict[str, Any]) -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| ([A-Z][^|]+?) \|", page, re.MULTILINE)

    assert explained == [panel["title"] for panel in panels(dashboard)]
