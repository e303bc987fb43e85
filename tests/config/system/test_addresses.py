"""Processes listen where they can be reached, and share only folders that are closed to others."""

import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from config import web
from config.system import sockets


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8765"),
        ("0.0.0.0", "http://127.0.0.1:8765"),
        ("::", "http://127.0.0.1:8765"),
        ("localhost", "http://127.0.0.1:8765"),
        ("::1", "http://[::1]:8765"),
        ("10.1.2.3", "http://10.1.2.3:8765"),
        ("fd00::2", "http://[fd00::2]:8765"),
    ],
)
def test_an_address_can_be_reached_from_this_host(host: str, url: str) -> None:
    assert sockets.address(host, 8765) == url


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("128.0.0.1", False),
        ("::", False),
    ],
)
def test_only_this_host_reaches_a_loopback(host: str, is_loopback: bool) -> None:
    assert sockets.is_loopback(host) is is_loopback


def test_the_socket_of_valkey_is_in_the_data_directory_unless_that_is_too_deep(tmp_path: Path) -> None:
    assert sockets.valkey_socket(Path("/d")) == Path("/d/valkey.sock")
    at = Path("/" + "d" * (sockets.MAX_UNIX_PATH - len("//valkey.sock")))
    assert len(str(at / "valkey.sock")) == sockets.MAX_UNIX_PATH and sockets.valkey_socket(at) == at / "valkey.sock"
    beyond = Path(f"{at}d")
    deep = sockets.valkey_socket(beyond)
    assert deep == sockets.valkey_socket(beyond) != sockets.valkey_socket(Path(f"{at}e"))
    assert deep.parent.name.startswith(f"muster-{os.getuid()}-") and len(str(deep)) < 60
    assert sockets.valkey_url(tmp_path) == f"unix://{sockets.valkey_socket(tmp_path)}"
    sockets.valkey_password_file(tmp_path).write_text("requirepass word\n")
    assert sockets.valkey_url(tmp_path) == f"unix://:word@{sockets.valkey_socket(tmp_path)}"


def test_a_folder_of_another_user_or_open_to_others_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        sockets.make_private(tmp_path / "own")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o750)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    for name in ("open", "link"):
        with pytest.raises(PermissionError, match=name):
            sockets.make_private(tmp_path / name)
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with pytest.raises(PermissionError):
        sockets.make_private(tmp_path / "own")


def test_agents_get_the_next_port_another_one_or_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, int]] = []

    def listen(host: str, port: int) -> Any:
        asked.append((host, port))
        if port == 9001:
            raise OSError(98, "Address already in use")
        return "listener"

    monkeypatch.setattr(sockets, "listen", listen)

    def listener_of(port: int, agent_port: int | None = None, agent_host: str = "") -> Any:
        named = {"host": "127.0.0.1", "agent_host": agent_host}
        return web._agent_listener(SimpleNamespace(**named, port=port, agent_port=agent_port, agent_fd=None))  # type: ignore[arg-type]

    assert [listener_of(8765), listener_of(8765, 7000), listener_of(8765, 0), listener_of(0), listener_of(9000)] == [
        "listener",
        "listener",
        None,
        "listener",
        None,
    ]
    assert asked == [("127.0.0.1", port) for port in (8766, 7000, 0, 9001)]
    assert "Agents have no address of their own here: port 9001 on 127.0.0.1 cannot be used" in capsys.readouterr().err
    monkeypatch.setenv("MUSTER_AGENT_LISTEN", "10.0.0.5")
    listener_of(8765), listener_of(8765, 7000, "10.0.0.6")
    assert asked[4:] == [("10.0.0.5", 8766), ("10.0.0.6", 7000)]
    for refused in (lambda: listener_of(9000), lambda: listener_of(8765, 9001), lambda: listener_of(8765, 8765, "10.0.0.6")):
        with pytest.raises(SystemExit, match=r"--agent-host|must differ"):
            refused()
    with socket.socket() as taken:
        given = web._agent_listener(SimpleNamespace(agent_fd=os.dup(taken.fileno())))  # type: ignore[arg-type]
        assert given is not None and given.fileno() != taken.fileno()
        given.close()
