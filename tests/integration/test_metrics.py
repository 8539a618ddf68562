"""The metrics of several processes on one loopback port."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from server import metrics
from server.metrics import merge, render, rendered, serve


def page(count: int) -> str:
    registry = CollectorRegistry()
    Counter("sent", "Frames sent.", ["kind"], registry=registry).labels("text").inc(count)
    Histogram("lag", "Loop lag.", buckets=[0.1, 1], registry=registry).observe(0.05 * count)
    return render(registry)


def test_samples_of_each_process_carry_its_name() -> None:
    merged = merge({"gateway-1": page(1), "gateway-2": page(20)})

    assert 'sent_total{kind="text",process="gateway-1"} 1.0' in merged
    assert 'sent_total{kind="text",process="gateway-2"} 20.0' in merged
    assert 'lag_bucket{le="0.1",process="gateway-1"} 1.0' in merged
    assert 'lag_bucket{le="0.1",process="gateway-2"} 0.0' in merged


def test_each_family_is_described_once() -> None:
    merged = merge({"gateway-1": page(1), "gateway-2": page(2), "worker": page(3)})

    assert merged.count("# TYPE sent_total counter") == 1
    assert merged.count("# HELP lag Loop lag.") == 1


async def test_a_page_that_is_rendered_in_pieces_is_the_same_and_lets_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "PIECE", 0.0)
    registry = CollectorRegistry()
    for name in ("one", "two", "three"):
        Counter(name, f"Of {name}.", ["kind"], registry=registry).labels("text").inc()
    others = 0

    async def go_on() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    going = asyncio.create_task(go_on())
    page = await rendered(registry)
    going.cancel()

    assert page == render(registry)
    assert others >= 2


async def test_only_metrics_are_served() -> None:
    async def collect() -> str:
        return page(7)

    server = await serve(collect, 0)
    address = server.sockets[0].getsockname()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{address[1]}") as client:
        page_of, other = await client.get("/metrics?x=1"), await client.get("/")
        post = await client.post("/metrics", content=b"x" * 100)
    server.close()

    assert address[0] == "127.0.0.1"
    assert (page_of.status_code, other.status_code, post.status_code) == (200, 404, 405)
    assert "sent_total" in page_of.text


@pytest.mark.parametrize(
    "request_bytes", [b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 40_000, b"x\r\n"]
)
async def test_a_scraper_that_sends_nonsense_is_dropped(
    request_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def collect() -> str:
        return page(7)

    monkeypatch.setattr("server.metrics.PATIENCE", 0.1)
    server = await serve(collect, 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_bytes)

    async with asyncio.timeout(5):
        try:
            answer = await reader.read()
        except ConnectionError:
            answer = b""

    assert answer == b""
    writer.close()
    server.close()
