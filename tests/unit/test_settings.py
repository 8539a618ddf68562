"""The configuration is read once, and a wrong value is named."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from server.errors import SettingsError
from server.settings import Rate, Settings, describe


def test_nothing_set_serves_this_machine_only() -> None:
    settings = Settings.from_env({})

    assert (settings.bind, settings.port) == ("127.0.0.1", 8000)
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.is_local
    assert not settings.secure
    assert settings.gateways >= 1


def test_the_limits_of_the_design_are_the_defaults() -> None:
    settings = Settings.from_env({})

    assert (settings.max_frame, settings.max_text, settings.max_nesting) == (8192, 500, 8)
    assert (settings.max_channels, settings.max_connections_per_viewer) == (32, 10)
    assert (settings.max_connections, settings.channel_rate) == (20_000, 2000)
    assert settings.post_rate == Rate(5, 10_000)
    assert settings.connect_rate == Rate(50, 10_000)
    assert settings.visitor_rate == Rate(10, 600_000)
    assert settings.sign_in_rate == Rate(5, 60_000)
    assert settings.backlog_cap == 200_000


def test_values_are_read_in_the_form_the_help_shows() -> None:
    settings = Settings.from_env(
        {
            "DATABASE_URL": "postgresql://db/hiroba",
            "REDIS_URL": "redis://cache:6379/1",
            "PUBLIC_URL": "HTTPS://Live.Example.com:443/",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "HIROBA_BIND": "0.0.0.0",
            "HIROBA_PORT": "9000",
            "HIROBA_POST_RATE": "50/2min",
            "HIROBA_DATA_DIR": "somewhere",
            "HIROBA_LOG_LEVEL": "",
        }
    )

    assert settings.public_url == "https://live.example.com"
    assert settings.origins == {"https://live.example.com"}
    assert settings.hosts == {"live.example.com"}
    assert settings.secure
    assert not settings.is_local
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert settings.post_rate == Rate(50, 120_000)
    assert settings.data_dir == Path("somewhere").absolute()
    assert settings.log_level == "info"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIROBA_PORT", "http"),
        ("HIROBA_PORT", "65536"),
        ("HIROBA_PORT", "-1"),
        ("HIROBA_PORT", "٨٠"),
        ("HIROBA_PORT", "9" * 5000),
        ("HIROBA_MAX_TEXT", "0"),
        ("HIROBA_POST_RATE", "5"),
        ("HIROBA_POST_RATE", "5/10"),
        ("HIROBA_POST_RATE", "5/10 days"),
        ("HIROBA_POST_RATE", "/s"),
        ("HIROBA_POST_RATE", "5/0s"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("PUBLIC_URL", "live.example.com"),
        ("PUBLIC_URL", "ftp://live.example.com"),
        ("PUBLIC_URL", "https://live.example.com/shop"),
        ("PUBLIC_URL", "https://user@live.example.com"),
        ("PUBLIC_URL", "https://live.example.com:port"),
        ("PUBLIC_URL", "https://広場.example"),
        ("PUBLIC_URL", "https://[::1"),
        ("DATABASE_URL", "mysql://db"),
        ("REDIS_URL", "rediss://cache"),
        ("HIROBA_BIND", "example.com"),
        ("HIROBA_LOG_LEVEL", "loud"),
        ("HIROBA_LOG_FORMAT", "xml"),
        ("HIROBA_GATEWAYS", "1000"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({name: value})

    assert caught.value.name == name
    assert caught.value.problem


def test_another_address_without_public_url_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"HIROBA_BIND": "0.0.0.0"})

    assert caught.value.name == "PUBLIC_URL"


@pytest.mark.parametrize("name", ["HIROBA_TLS_CERT", "HIROBA_SSL_KEY", "SSL_CERTFILE"])
def test_a_tls_setting_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="TLS") as caught:
        Settings.from_env({name: "/etc/cert.pem"})

    assert caught.value.name == name


def test_the_certificates_of_the_machine_are_no_tls_setting() -> None:
    Settings.from_env({"SSL_CERT_FILE": "/etc/ca.crt", "SSL_CERT_DIR": "/etc"})


def test_a_misspelt_setting_is_named_with_the_right_one() -> None:
    with pytest.raises(SettingsError, match="HIROBA_MAX_TEXT") as caught:
        Settings.from_env({"HIROBA_MAX_TXT": "5"})

    assert caught.value.name == "HIROBA_MAX_TXT"


def test_pages_of_this_machine_may_be_opened_as_localhost_too() -> None:
    settings = Settings.from_env({"HIROBA_PORT": "8123"})

    assert "http://localhost:8123" in settings.origins
    assert settings.hosts == {"127.0.0.1:8123", "localhost:8123", "[::1]:8123"}


def test_a_port_that_was_free_becomes_part_of_the_address() -> None:
    settings = Settings.from_env({"HIROBA_PORT": "0"}).with_port(4321)

    assert settings.public_url == "http://127.0.0.1:4321"


def test_a_chosen_address_stays_when_a_free_port_is_taken() -> None:
    settings = Settings.from_env({"HIROBA_PORT": "0", "PUBLIC_URL": "https://a.example"})

    assert settings.with_port(4321).public_url == "https://a.example"


def test_the_help_names_every_setting_once() -> None:
    names = [name for name, _, _ in describe()]

    assert len(names) == len(set(names))
    assert ("HIROBA_POST_RATE", "5/10s", "posts a viewer") in describe()
    assert all(text for _, _, text in describe())


def test_the_written_defaults_can_be_read_again() -> None:
    environ = {name: default for name, default, _ in describe() if name != "HIROBA_DATA_DIR"}

    assert Settings.from_env(environ) == Settings.from_env({})
