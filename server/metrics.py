"""Prometheus metrics: each process renders its own, the supervisor joins and serves them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

disable_created_metrics()  # type: ignore[no-untyped-call]

PIECE = 0.001
"""Seconds of rendering, after which others are served."""
PATIENCE = 5.0
"""Seconds in which a scraper has to send its request and take the answer."""
LARGEST_REQUEST = 16_384


def render(registry: CollectorRegistry = REGISTRY) -> str:
    """Give the metrics of this process in Prometheus' text format."""
    return generate_latest(registry).decode()


async def rendered(registry: CollectorRegistry = REGISTRY) -> str:
    """Give the same a piece at a time: others are served in between."""
    pieces = []
    paused = time.perf_counter()
    for family in registry.collect():
        pieces.append(generate_latest(_Merged({family.name: family})).decode())
        if time.perf_counter() - paused > PIECE:
            await asyncio.sleep(0)
            paused = time.perf_counter()
    return "".join(pieces)


def merge(pages: Mapping[str, str]) -> str:
    """Join the metrics of several processes; each sample gets `process` as a label."""
    families: dict[str, Metric] = {}
    for process, page in pages.items():
        for family in text_string_to_metric_families(page):
            merged = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            for sample in family.samples:
                merged.samples.append(sample._replace(labels={"process": process, **sample.labels}))
    return generate_latest(_Merged(families)).decode()


class _Merged(CollectorRegistry):
    def __init__(self, families: Mapping[str, Metric]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families.values()


async def serve(collect: Callable[[], Awaitable[str]], port: int) -> asyncio.Server:
    """Serve `/metrics` on the loopback address; port 0 takes a free one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await _response(head, collect))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port, limit=LARGEST_REQUEST)


async def _response(head: bytes, collect: Callable[[], Awaitable[str]]) -> bytes:
    method, _, rest = head.partition(b" ")
    if method != b"GET":
        return _message("405 Method Not Allowed", "only GET\n")
    if rest.split(b" ")[0].partition(b"?")[0] != b"/metrics":
        return _message("404 Not Found", "only /metrics\n")
    return _message("200 OK", await collect())


def _message(status: str, text: str) -> bytes:
    body = text.encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
