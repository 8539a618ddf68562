"""The peers that are programs of their own: nginx with nchan, nats-server, Centrifugo, node ws."""

from __future__ import annotations

import json
from pathlib import Path

from loadtest.peers.peer import (
    Found,
    Launch,
    Missing,
    Peer,
    Place,
    Tools,
    asked,
    executable,
    version_in,
)

PROGRAMS = Path(__file__).parent / "programs"
MODULE = "ngx_nchan_module.so"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def find_ws(tools: Tools) -> Found | Missing:
    """Look for Node.js and the package ws."""
    node = executable(tools.node)
    folder = (tools.node_modules or Path("node_modules")).resolve()
    manifest = folder / "ws" / "package.json"
    if node is None or not manifest.is_file():
        return Missing("npm install ws, with Node.js (then --node-modules DIR)")
    version = f"{json.loads(manifest.read_text())['version']}, Node {asked(node, '-v') or '?'}"

    def launch(place: Place) -> Launch:
        return Launch([node, str(PROGRAMS / "ws.js"), str(place.port), str(folder)])

    return Found(version.strip(), launch)


def find_nchan(tools: Tools) -> Found | Missing:
    """Look for nginx and nchan's module, where Debian puts it or beside nginx's own tree."""
    nginx = executable(tools.nginx)
    if nginx is None:
        return Missing("apt-get install nginx libnginx-mod-nchan (then --nginx PATH)")
    near = Path(nginx).resolve().parent.parent
    places = [near / "lib/nginx/modules", Path("/usr/lib/nginx/modules")]
    module = next((each / MODULE for each in places if (each / MODULE).is_file()), tools.nchan)
    module = tools.nchan or module
    if module is None or not module.is_file():
        return Missing("apt-get install libnginx-mod-nchan (then --nchan PATH of its .so)")
    version = f"nginx {version_in(asked(nginx, '-v') or '')}"

    def launch(place: Place) -> Launch:
        settings = place.folder / "nginx.conf"
        settings.write_text(nginx_settings(place, module))
        return Launch([nginx, "-p", str(place.folder), "-c", str(settings), "-e", "stderr"])

    return Found(version, launch)


def nginx_settings(place: Place, module: Path) -> str:
    """Write nginx's configuration: one worker, one channel that every socket reads and writes."""
    temporary = " ".join(f"{each}_temp_path {place.folder}/{each};" for each in TEMPORARY)
    return f"""\
load_module {module.resolve()};
daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid nginx.pid;
events {{ worker_connections 60000; }}
http {{
  access_log off;
  {temporary}
  server {{
    listen 127.0.0.1:{place.port} backlog=4096;
    location = / {{
      nchan_pubsub websocket;
      nchan_channel_id room;
      nchan_subscriber_first_message newest;
    }}
  }}
}}
"""


def find_nats(tools: Tools) -> Found | Missing:
    """Look for nats-server."""
    nats = executable(tools.nats)
    if nats is None:
        return Missing("go install github.com/nats-io/nats-server/v2@latest (then --nats PATH)")

    def launch(place: Place) -> Launch:
        settings = place.folder / "nats.conf"
        # Port -1 is any free one, for clients of its own protocol, of which there are none.
        settings.write_text(
            f'listen: "127.0.0.1:-1"\n'
            f'websocket {{ listen: "127.0.0.1:{place.port}", no_tls: true }}\n'
        )
        return Launch(
            [nats, "-c", str(settings)],
            hello=('CONNECT {"verbose":false,"pedantic":false}\r\nSUB room 1\r\nPING\r\n',),
            ready="PONG",
            answers=(("PING", "PONG\r\n"),),
            saying=lambda text: f"PUB room {len(text.encode())}\r\n{text}\r\n",
        )

    return Found(version_in(asked(nats, "-v") or ""), launch)


def find_centrifugo(tools: Tools) -> Found | Missing:
    """Look for Centrifugo 6."""
    centrifugo = executable(tools.centrifugo)
    if centrifugo is None:
        return Missing(
            "go install github.com/centrifugal/centrifugo/v6@latest (then --centrifugo PATH)"
        )

    def launch(place: Place) -> Launch:
        settings = place.folder / "config.json"
        settings.write_text(json.dumps(centrifugo_settings(place.port)))
        commands = ({"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": "room"}})
        return Launch(
            [centrifugo, "--config", str(settings)],
            path="/connection/websocket",
            hello=tuple(json.dumps(each) for each in commands),
            ready='"id":2',
            answers=(("{}", "{}"),),
            saying=_centrifugo_publish,
        )

    return Found(version_in(asked(centrifugo, "version") or ""), launch)


def centrifugo_settings(port: int) -> dict[str, object]:
    """Give Centrifugo's configuration: whoever comes may read and write any channel."""
    return {
        "http_server": {"address": "127.0.0.1", "port": port},
        "log": {"level": "error"},
        "usage_stats": {"disabled": True},
        "client": {"allow_anonymous_connect_without_token": True, "allowed_origins": ["*"]},
        "channel": {
            "without_namespace": {
                "allow_subscribe_for_anonymous": True,
                "allow_subscribe_for_client": True,
                "allow_publish_for_anonymous": True,
                "allow_publish_for_client": True,
            }
        },
    }


def _centrifugo_publish(text: str) -> str:
    return json.dumps({"id": 3, "publish": {"channel": "room", "data": json.loads(text)}})


PEERS = (
    Peer("nchan", "nchan (nginx)", find_nchan),
    Peer("ws", "node ws", find_ws),
    Peer("nats", "nats-server", find_nats),
    Peer("centrifugo", "Centrifugo", find_centrifugo),
)
