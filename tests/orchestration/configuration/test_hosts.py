"""Hosts that a config names, and their usual form."""

import pytest

from orchestration.configuration.config import hosts


@pytest.mark.parametrize(
    "text, shown",
    [
        ("API.Example.com.", "api.example.com"),
        ("api.example.com:8443", "api.example.com:8443"),
        ("*.Example.com", "*.example.com"),
        ("192.0.2.1:80", "192.0.2.1:80"),
        ("2001:DB8:0::1", "[2001:db8::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
    ],
)
def test_a_host_has_one_form(text: str, shown: str) -> None:
    assert hosts.listed(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*.",
        "*.example.com:443",
        "a..b",
        "-a.example.com",
        "a" * 64,
        f"{'a.' * 127}example",
        "example.com:",
        "example.com:0",
        "example.com:65536",
        "example.com:١",
        "[2001:db8::1",
        "[2001:db8::1]8443",
        "[2001:db8::1]:",
        "[192.0.2.1]:80",
        "2001:db8::g",
        "https://example.com",
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a host, host:port or \*\.domain"):
        hosts.listed(text)
