"""The configuration: environment variables, read once into a frozen `Settings`."""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from server.errors import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

BARE_NAMES = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "TRUSTED_PROXIES")
"""Variables without the prefix HIROBA_, because other programs know them by these names."""
OTHER_NAMES = ("HIROBA_REQUIRE", "HIROBA_TEST_DATA", "HIROBA_SUPERVISOR", "HIROBA_LISTENER")
"""Variables with the prefix that are not settings: of the tests, and between our processes."""
TLS_NAMES = ("SSL_KEYFILE", "SSL_CERTFILE", "UVICORN_SSL_KEYFILE", "UVICORN_SSL_CERTFILE")
DATA = Path(__file__).resolve().parent.parent / ".data"
UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}


class Rate(NamedTuple):
    """At most `most` in every `period` ms; written `5/10s` in the environment."""

    most: int
    period: int


def _setting(default: Any, text: str, low: int = 1, high: int = 2**31 - 1) -> Any:
    """Declare a field with its bounds and a line of help."""
    return field(default=default, metadata={"help": text, "low": low, "high": high})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured; made by `from_env`, or by `for_tests`."""

    database_url: str = _setting("", "PostgreSQL 16 or newer; empty starts a private one")
    redis_url: str = _setting("", "Redis 7 or Valkey 7.2, or a Cluster; empty starts a private one")
    public_url: str = _setting("", "the address people type; default http://127.0.0.1:PORT")
    port: int = _setting(8000, "the port of pages and sockets; 0 takes a free one", 0, 65535)
    bind: str = _setting("127.0.0.1", "the address to listen on; needs PUBLIC_URL unless loopback")
    data_dir: Path = _setting(DATA, "where the private servers keep data")
    gateways: int = _setting(0, "processes that hold sockets; 0 is one per core", 0, 256)
    trusted_proxies: tuple[Network, ...] = _setting((), "networks whose X-Forwarded-For counts")
    demo: bool = _setting(False, "whether the community is a demonstration; set by `serve`")
    log_level: str = _setting("info", "debug, info, warning or error")
    log_format: str = _setting("text", "text (key=value) or json")
    metrics_port: int = _setting(0, "loopback port of /metrics; 0 takes a free one", 0, 65535)
    database_pool: int = _setting(8, "connections to PostgreSQL a process", 1, 1000)
    fan_out: str = _setting("auto", "how frames are written: auto, ring (io_uring) or write")
    shedding: bool = _setting(True, "whether gateways under flood leave things out, announced")
    call_private: bool = _setting(False, "whether addresses in private networks may be called")
    drain_seconds: int = _setting(10, "over which a stopping gateway sends 4001", 0, 600)

    hold_every: int = _setting(
        0, "milliseconds between two looks at what holds the event loop; 0 does not look", 0, 1000
    )
    max_frame: int = _setting(8192, "bytes of an inbound frame", 256, 2**20)
    max_text: int = _setting(500, "code points of a text", 1, 100_000)
    max_nesting: int = _setting(8, "depth of an inbound command", 2, 64)
    max_waiting: int = _setting(32, "commands of one connection that wait", 1, 10_000)
    max_channels: int = _setting(32, "channels a connection", 1, 10_000)
    max_connections_per_viewer: int = _setting(10, "connections a signed-in viewer", 1, 100_000)
    max_connections: int = _setting(20_000, "connections a gateway")
    post_rate: Rate = _setting(Rate(5, 10_000), "posts a viewer")
    channel_rate: int = _setting(2000, "posts a second a channel")
    connect_rate: Rate = _setting(Rate(50, 10_000), "connects an address")
    visitor_rate: Rate = _setting(Rate(10, 600_000), "new names without an account an address")
    sign_in_rate: Rate = _setting(Rate(5, 60_000), "sign-in tries, by name and by address")
    backlog_cap: int = _setting(200_000, "unsaved entries a partition")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the environment; SettingsError names the first variable that cannot be used."""
        _refuse_unknown(environ)
        values: dict[str, Any] = {}
        for item in fields(cls):
            name = variable(item.name)
            text = environ.get(name, "").strip()
            if text:
                values[item.name] = _PARSERS[str(item.type)](name, text, item.metadata)
        return _checked(cls(**values))

    @classmethod
    def for_tests(cls, **overrides: Any) -> Settings:
        """Give settings that read no environment, with a few values of one's own."""
        return _checked(cls(**{"log_level": "warning", "gateways": 1, **overrides}))

    def with_port(self, port: int) -> Settings:
        """Give the same settings after a free port was taken in place of 0."""
        public = "" if self.is_default_url else self.public_url
        return _checked(replace(self, port=port, public_url=public))

    @property
    def is_default_url(self) -> bool:
        """Whether nobody chose PUBLIC_URL, so that pages are for this machine only."""
        return self.public_url == f"http://127.0.0.1:{self.port}"

    @property
    def origins(self) -> frozenset[str]:
        """The exact Origin headers that browsers of our own pages send."""
        names = ("localhost", "[::1]") if self.is_default_url else ()
        return frozenset({self.public_url, *(f"http://{name}:{self.port}" for name in names)})

    @property
    def hosts(self) -> frozenset[str]:
        """The Host headers that name us, lower-case, with the port where it is not the default."""
        return frozenset(origin.split("://", 1)[1] for origin in self.origins)

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over TLS, so that cookies are marked Secure."""
        return self.public_url.startswith("https:")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach us."""
        return is_loopback(self.bind) and is_loopback(urlsplit(self.public_url).hostname or "")


def variable(name: str) -> str:
    """Give the environment variable of a field."""
    upper = name.upper()
    return upper if upper in BARE_NAMES else f"HIROBA_{upper}"


def describe() -> list[tuple[str, str, str]]:
    """Give (variable, default, help) of every setting, for `--help`."""
    return [(variable(f.name), _written(f.default), f.metadata["help"]) for f in fields(Settings)]


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _written(value: Any) -> str:
    if isinstance(value, Rate):
        unit = next(u for u, ms in reversed(UNITS.items()) if value.period % ms == 0)
        return f"{value.most}/{value.period // UNITS[unit]}{unit}"
    if isinstance(value, Path):
        return value.name
    return "" if value == () else str(value)


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = {variable(item.name) for item in fields(Settings)}
    for name, value in environ.items():
        if name in TLS_NAMES or name.startswith(("HIROBA_TLS", "HIROBA_SSL")):
            if value:
                raise SettingsError(
                    name, "TLS is not spoken here; put Caddy or nginx in front (see README)"
                )
        elif name.startswith("HIROBA_") and name not in known and name not in OTHER_NAMES:
            near = difflib.get_close_matches(name, known, 1)
            raise SettingsError(name, f"no such setting; {near[0]}?" if near else "no such setting")


def _checked(settings: Settings) -> Settings:
    """Apply the rules that concern more than one variable, and fill in what depends on them."""
    changes: dict[str, Any] = {}
    if not settings.public_url:
        if not is_loopback(settings.bind):
            raise SettingsError("PUBLIC_URL", f"has to be set when listening on {settings.bind}")
        changes["public_url"] = f"http://127.0.0.1:{settings.port}"
    if not settings.gateways:
        changes["gateways"] = _cores()
    return replace(settings, **changes)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _number(name: str, text: str, limits: Mapping[str, Any]) -> int:
    if not text.isascii() or not text.isdigit():
        raise SettingsError(name, f"{text!r} is not a whole number")
    value = int(text) if len(text) < 12 else limits["high"] + 1
    if not limits["low"] <= value <= limits["high"]:
        raise SettingsError(name, f"{text} is not between {limits['low']} and {limits['high']}")
    return int(value)


def _rate(name: str, text: str, limits: Mapping[str, Any]) -> Rate:
    count, slash, period = text.partition("/")
    digits = period.rstrip("mshin")
    unit = UNITS.get(period[len(digits) :])
    if not slash or unit is None:
        raise SettingsError(name, f"{text!r} is not a rate such as 5/10s (units: ms, s, min, h)")
    return Rate(_number(name, count, limits), _number(name, digits, limits) * unit)


def _networks(name: str, text: str, _: Mapping[str, Any]) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SettingsError(name, f"{error}; write networks such as 10.0.0.0/8, ::1") from None


def _public_url(name: str, text: str) -> str:
    """Check and normalise to scheme://host[:port], as a browser writes an origin."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(name, str(error)) from None
    rest = parts.path.rstrip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in ("http", "https") or not host or not host.isascii() or rest:
        raise SettingsError(name, f"{text!r} is not an address such as https://live.example.com")
    default = {"http": 80, "https": 443}[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port and port != default else "")


def _text(name: str, text: str, _: Mapping[str, Any]) -> str:
    if name == "PUBLIC_URL":
        return _public_url(name, text)
    schemes = {
        "DATABASE_URL": ("postgres://", "postgresql://"),
        "REDIS_URL": ("redis://", "unix://"),
    }.get(name)
    if schemes and not text.startswith(schemes):
        raise SettingsError(name, f"has to start with {' or '.join(schemes)}")
    choices = {
        "HIROBA_LOG_LEVEL": ("debug", "info", "warning", "error"),
        "HIROBA_LOG_FORMAT": ("text", "json"),
        "HIROBA_FAN_OUT": ("auto", "ring", "write"),
    }.get(name)
    if choices and text not in choices:
        raise SettingsError(name, f"{text!r} is none of {', '.join(choices)}")
    if name == "HIROBA_BIND" and text != "localhost":
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise SettingsError(name, f"{text!r} is not an IP address") from None
    return text


def _flag(name: str, text: str, _: Mapping[str, Any]) -> bool:
    if text.lower() not in ("1", "0", "true", "false", "yes", "no"):
        raise SettingsError(name, f"{text!r} is neither 1 nor 0")
    return text.lower() in ("1", "true", "yes")


def _path(name: str, text: str, _: Mapping[str, Any]) -> Path:
    return Path(text).expanduser().absolute()


_PARSERS: dict[str, Callable[[str, str, Mapping[str, Any]], Any]] = {
    "str": _text,
    "bool": _flag,
    "int": _number,
    "Path": _path,
    "Rate": _rate,
    "tuple[Network, ...]": _networks,
}
