"""Redis behind TLS: a proxy with a certificate of the test's own stands before a real Valkey."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.errors import Refused
from server.redis_link import RedisLink
from server.redis_wire import parse_url
from tests.integration.channels import ROOM, Known, Listener, brokers, line, until


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that nobody else trusts, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "certificate.pem", folder / "key.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names)
    files = ("-out", str(made[0]), "-keyout", str(made[1]))
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=30)
    return made


@pytest.fixture
async def secure_port(redis_url: str, certificate: tuple[Path, Path]) -> AsyncIterator[int]:
    """The port of the proxy."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        where = parse_url(redis_url)
        inner = await (
            asyncio.open_unix_connection(where.path)
            if where.path
            else asyncio.open_connection(where.host, where.port)
        )
        for pair in ((reader, inner[1]), (inner[0], writer)):
            task = asyncio.create_task(pump(*pair))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_publications_go_and_come_through_tls(
    secure_port: int, certificate: tuple[Path, Path]
) -> None:
    url = f"rediss://127.0.0.1:{secure_port}/?ssl_ca_certs={certificate[0]}"
    async with brokers(url, Known(), 2) as (here, there):
        listener = Listener(there)
        await there.subscribe(ROOM)
        for number in range(50):
            await here.publish(line(f"{number}" * 1000))
        await until(lambda: len(listener.seen) == 50)

    assert listener.offsets == list(range(1, 51))


async def test_a_certificate_that_nobody_trusts_is_refused_unless_told_otherwise(
    secure_port: int,
) -> None:
    url = f"rediss://127.0.0.1:{secure_port}/"
    with pytest.raises(Refused, match="certificate"):
        await RedisLink.open(url, timeout=1.0)

    link = await RedisLink.open(f"{url}?ssl_cert_reqs=none")
    answer = await link.call("PING")
    await link.close()

    assert answer == b"PONG"
