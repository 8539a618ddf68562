"""Every peer by name."""

from __future__ import annotations

from typing import Final

from loadtest.peers import binary_peers, python_peers
from loadtest.peers.peer import Peer

PEERS: Final[dict[str, Peer]] = {
    peer.name: peer for peer in (*binary_peers.PEERS, *python_peers.PEERS)
}
