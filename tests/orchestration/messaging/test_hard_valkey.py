"""A Valkey that hangs, that has keys of a wrong type, or that lost all: requests go on, and messages flow again afterwards."""

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from config.celery import app
from config.system import sockets
from config.up import valkey
from orchestration.messaging import broker_keys, publishing, wake_ups
from tests.orchestration.worker.sessions.shop import until


class Server:
    """The embedded Valkey as `up` starts it: on a socket of its own, with its password."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.password = valkey.make_password(sockets.valkey_password_file(data))
        socket_path = sockets.valkey_socket(data)
        self.command = valkey.command(socket_path, data, password_file=sockets.valkey_password_file(data))
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until(lambda: valkey.answers(socket_path, self.password))

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(tmp_path)
    settings.REDIS_URL = sockets.valkey_url(tmp_path)
    url = settings.REDIS_URL.replace("unix://", "redis+socket://", 1)
    # In this order: the first falls back to the second, also while it is restored.
    for name in ("broker_write_url", "broker_url"):
        monkeypatch.setattr(app.conf, name, url)
    publishing.reset()
    try:
        yield server
    finally:
        server.end()
        publishing.reset()


def waiting(queue: str = "control") -> int:
    return int(publishing.client().llen(queue))  # type: ignore[arg-type]


def send() -> None:
    publishing.enqueue(wake_ups.CYCLE_TASK, [[["ws_1"]]], queue="control")


def test_the_password_is_in_a_private_file_and_in_no_command_line(server: Server) -> None:
    file = sockets.valkey_password_file(server.data)
    assert file.stat().st_mode & 0o777 == 0o600 and len(server.password) > 30
    assert valkey.make_password(file) == server.password, "it is made once"
    assert server.password not in Path(f"/proc/{server.process.pid}/cmdline").read_text()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(sockets.valkey_socket(server.data))).ping()
    assert publishing.client().ping()


def test_messages_reach_their_queue_and_their_channel(server: Server) -> None:
    with publishing.client().pubsub() as pubsub:
        pubsub.subscribe("news")
        until(lambda: pubsub.get_message(timeout=1) is not None)
        publishing.publish("news", "1")
        until(lambda: (pubsub.get_message(timeout=1) or {}).get("data") == b"1")
    send()
    assert waiting() == 1
    message = json.loads(bytes(publishing.client().lindex("control", 0)))  # type: ignore[arg-type]
    assert json.loads(base64.b64decode(message["body"]))[0] == [["ws_1"]]
    assert message["headers"]["task"] == wake_ups.CYCLE_TASK


@pytest.mark.alone
def test_fifty_messages_are_one_exchange_with_the_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publishing.enqueue(wake_ups.SESSION_TASK, [["sess", 1]], queue="claims")  # the queue is declared now
    exchanges, send_all = list[object](), redis.connection.AbstractConnection.send_packed_command
    monkeypatch.setattr(
        redis.connection.AbstractConnection,
        "send_packed_command",
        lambda self, command, check_health=True: (exchanges.append(command), send_all(self, command, check_health))[1],
    )
    publishing.enqueue(wake_ups.SESSION_TASK, [[f"sess_{n}", 1] for n in range(50)], queue="claims")
    assert len(exchanges) == 1
    assert waiting("claims") == 51


def test_a_request_does_not_wait_for_a_valkey_that_hangs(server: Server) -> None:
    """It took 62 seconds to add entries. The first message waits for less than a second, the others of the request are dropped at once."""
    send()
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for _ in range(10):
            publishing.publish("news", "1")
            send()
            publishing.publish(wake_ups.change_channel("ws_1"), "[]")
        seconds = time.monotonic() - began
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    print(f"30 messages to a Valkey that hangs: {seconds:.2f} s")
    assert seconds < 5
    publishing.reset()
    until(lambda: valkey.answers(sockets.valkey_socket(server.data), server.password))
    before = waiting()
    send()
    assert waiting() == before + 1


def test_keys_of_a_wrong_type_are_deleted_and_others_stay(server: Server) -> None:
    client = publishing.client()
    send()
    wrong = ["sessions", "_kombu.binding.control", "unacked", "unacked_index", "muster:ticks", "muster:cycles:ws_1"]
    for key in wrong[:3]:
        client.delete(key)
        client.set(key, "poison")
    for key in wrong[3:]:
        client.sadd(key, "poison")
    client.set("somebody:else", "1")
    assert sorted(broker_keys.delete_wrong_types(client)) == sorted(wrong)
    assert (waiting(), client.get("somebody:else")) == (1, b"1")
    assert broker_keys.delete_wrong_types(client) == []


def test_a_queue_of_a_wrong_type_costs_one_message(server: Server) -> None:
    publishing.client().set("control", "poison")
    send()
    assert waiting() == 0
    send()
    assert waiting() == 1


def test_messages_flow_on_after_a_flush(server: Server) -> None:
    send()
    publishing.client().flushall()
    send()
    assert waiting() == 1


def test_keys_are_left_alone_while_valkey_is_away(server: Server) -> None:
    server.end()
    assert broker_keys.delete_wrong_types(publishing.client()) == []
