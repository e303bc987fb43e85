"""A webhook reaches nothing inside, by no spelling, by no trick of the resolver."""

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.workspaces.notices.receiver import certified, receiving
from workspaces.outgoing import addresses, posting
from workspaces.outgoing.addresses import NotAllowed

INSIDE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://0.0.0.0/",
    "https://localhost/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1:8443/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://192.0.0.192/opc/v1/",
    "https://192.88.99.1/",
    "https://168.63.129.16/metadata/",
    "https://[::ffff:168.63.129.16]/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::127.0.0.1]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
]


@pytest.mark.parametrize("url", INSIDE)
def test_inside_is_refused_however_it_is_spelled(url: str) -> None:
    answer = posting.post(url, b"{}", {})
    assert not answer.ok and answer.status is None and "not public" in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:pass@example.com/",
        "https://user@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com/\r\nX-Evil: 1",
        "https://example.com\\@127.0.0.1/",
        "https://exämple.com/",
        "https://example.com/" + "x" * 2000,
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_no_plain_https_url_is_refused_when_it_is_typed(url: str) -> None:
    with pytest.raises(NotAllowed):
        addresses.check(url)


def resolving(monkeypatch: Any, *answers: list[str]) -> list[str]:
    """A resolver that gives one answer after another, and what it was asked."""
    asked: list[str] = []

    def lookup(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        ips = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return asked


def test_a_name_that_leads_inside_is_refused(monkeypatch: Any) -> None:
    resolving(monkeypatch, ["192.168.0.10"])
    assert "not public" in posting.post("https://hooks.example.com/", b"{}", {}).text


def test_one_private_address_among_public_ones_is_enough(monkeypatch: Any) -> None:
    resolving(monkeypatch, ["93.184.215.14", "127.0.0.1"])
    assert "not public" in posting.post("https://hooks.example.com/", b"{}", {}).text


def test_it_connects_to_the_address_that_was_judged_whatever_the_name_means_a_moment_later(monkeypatch: Any) -> None:
    asked = resolving(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    connected: list[Any] = []

    def dial(*place: Any) -> Any:
        connected.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(posting, "dial", dial)
    posting.post("https://hooks.example.com/hook", b"{}", {})
    assert connected == [("93.184.215.14", 443)] and asked == ["hooks.example.com"]


def test_the_pin_is_real_on_a_real_connection(monkeypatch: Any, settings: Any) -> None:
    """The name means the first server at the first look and nowhere at the second: the first one hears it, by its name."""
    settings.WEBHOOK_ALLOW = "127.0.0.0/8"
    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        asked = resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        assert posting.post(f"http://hooks.example.com:{port}/hook?a=1", b"{}", {}).ok
        assert receiver.received[0][0]["host"] == f"hooks.example.com:{port}" and asked == ["hooks.example.com"]


def test_a_redirect_is_not_followed(settings: Any) -> None:
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    with receiving() as receiver, receiving() as other:
        receiver.status, receiver.headers = 302, {"Location": other.url}
        answer = posting.post(receiver.url, b"{}", {})
        assert (answer.ok, answer.status) == (False, 302) and "redirect" in answer.text and other.received == []


def test_a_response_that_never_ends_is_cut(settings: Any, monkeypatch: Any) -> None:
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    monkeypatch.setattr(posting, "TIMEOUT_S", 0.5)
    with receiving() as receiver:
        receiver.pause_s = 3
        answer = posting.post(receiver.url, b"{}", {})
        assert not answer.ok and "within 0.5 s" in answer.text and answer.took_ms < 2000


def test_a_drip_is_cut_as_well(settings: Any, monkeypatch: Any) -> None:
    """Each byte comes before the socket's own time-out: only the whole exchange's end helps."""
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    monkeypatch.setattr(posting, "TIMEOUT_S", 0.5)
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        taken, _ = server.accept()
        with taken:
            for letter in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10:
                try:
                    taken.sendall(bytes([letter]))
                except OSError:
                    return
                time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    answer = posting.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {})
    server.close()
    assert not answer.ok and answer.took_ms < 2000


def test_a_large_response_is_read_and_stored_in_part(settings: Any) -> None:
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    with receiving() as receiver:
        receiver.answer = b"\x00<b>" + b"x" * 1_000_000
        answer = posting.post(receiver.url, b"{}", {})
        assert answer.ok and len(answer.text) <= 500 and "\x00" not in answer.text


@pytest.mark.parametrize(("host", "arrives"), [("hooks.example.com", True), ("other.example.com", False)])
def test_tls_asks_for_a_certificate_of_the_hosts_name(
    host: str, arrives: bool, settings: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    """By its name, though the connection goes to the address that was judged."""
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    context, certificate = certified("hooks.example.com", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(context) as receiver:
        resolving(monkeypatch, ["127.0.0.1"])
        port = receiver.url.split(":")[2].split("/")[0]
        answer = posting.post(f"https://{host}:{port}/hook", b"{}", {})
        assert (answer.ok, len(receiver.received)) == (arrives, int(arrives)), answer
        assert arrives or "certificate" in answer.text


def test_a_server_without_tls_receives_no_request(settings: Any) -> None:
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    with receiving() as receiver:
        answer = posting.post(receiver.url.replace("http:", "https:"), b"{}", {})
        assert not answer.ok and answer.status is None and receiver.received == []


@pytest.mark.parametrize("listed", ["hooks.internal", "10.0.0.0/8", "10.1.2.3"])
def test_what_the_operator_names_may_be_private_and_plain(listed: str, settings: Any, monkeypatch: Any) -> None:
    settings.WEBHOOK_ALLOW = f"other.example, {listed}"
    resolving(monkeypatch, ["10.1.2.3"])
    assert addresses.resolve("http://hooks.internal:8080/x?y=1").ip == "10.1.2.3"
    resolving(monkeypatch, ["192.168.0.1"])
    with pytest.raises(NotAllowed):
        addresses.resolve("http://elsewhere.internal/")


@pytest.mark.parametrize("listed", ["hooks.internal", "10.0.0.0/8"])
def test_what_the_operator_does_not_name_stays_https_although_something_is_named(
    listed: str, settings: Any, monkeypatch: Any
) -> None:
    settings.WEBHOOK_ALLOW = listed
    resolving(monkeypatch, ["93.184.215.14"])
    assert addresses.resolve("https://hooks.example.com/x?y=1") == addresses.Destination(
        "93.184.215.14", 443, "hooks.example.com", "hooks.example.com", "/x?y=1", True
    )
    for plain in ("http://hooks.example.com/", "http://93.184.215.14/", "http://evil-hooks.internal/"):
        with pytest.raises(NotAllowed, match="must be an https URL"):
            addresses.resolve(plain)
    for typed in ("http://93.184.215.14/", "http://10.1.2.3@93.184.215.14/"):
        with pytest.raises(NotAllowed):
            addresses.check(typed)


def test_a_plain_address_that_is_named_has_the_port_of_http(settings: Any, monkeypatch: Any) -> None:
    settings.WEBHOOK_ALLOW = "10.0.0.0/8"
    resolving(monkeypatch, ["10.1.2.3"])
    assert addresses.resolve("http://hooks.internal") == addresses.Destination(
        "10.1.2.3", 80, "hooks.internal", "hooks.internal", "/", False
    )
    assert addresses.resolve("http://hooks.internal:8080/").named == "hooks.internal:8080"
    resolving(monkeypatch, ["::ffff:10.1.2.3"])
    assert addresses.resolve("http://hooks.internal").ip == "::ffff:10.1.2.3"
    resolving(monkeypatch, ["10.1.2.3", "93.184.215.14"])
    with pytest.raises(NotAllowed):
        addresses.resolve("http://hooks.internal")


@pytest.mark.parametrize(
    "url", ["https://x.localhost/", "https://localhost./", "https://[fe80::1%25eth0]/", "https://[2001:0:1::1]/"]
)
def test_other_names_of_inside_are_refused_when_they_are_typed(url: str) -> None:
    with pytest.raises(NotAllowed, match="not public"):
        addresses.check(url)


def test_a_name_that_the_resolver_does_not_answer_in_time_is_not_found(monkeypatch: Any) -> None:
    answered = threading.Event()

    def lookup(*_: Any, **__: Any) -> Any:
        answered.wait(5)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]

    monkeypatch.setattr(addresses, "LOOKUP_S", 0.01)
    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(OSError, match="not found"):
        addresses.resolve("https://hooks.example.com/")
    answered.set()
