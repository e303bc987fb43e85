"""Doctor asks Muster's own servers as an agent would, without a password."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from config.up import valkey
from orchestration.maintenance import doctor, open_servers
from tests.plugins import throwaway


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind((open_servers.LOOPBACK, 0))
        return int(free.getsockname()[1])


@pytest.mark.django_db
def test_a_broker_that_asks_for_no_password_is_an_error(tmp_path: Path, settings: Any, port: int) -> None:
    unix, place = tmp_path / "s", f"127.0.0.1:{port}"
    command = [*valkey.command(unix, tmp_path), "--appendonly", "no", "--port", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        throwaway._wait(lambda: valkey.answers(unix), tmp_path)
        for settings.REDIS_URL in (f"redis://{place}/0", f"redis://:never-asked-for@{place}/0", f"unix://{unix}"):
            [finding] = doctor._open_servers()
            assert place in finding.problem and finding.is_needed
        with redis.Redis("127.0.0.1", port) as client:
            client.config_set("requirepass", "secret")
        settings.REDIS_URL = f"redis://:secret@{place}/0"
        assert not list(doctor._open_servers())
        server.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="the throwaway server is of Linux")
def test_a_database_that_asks_for_no_password_is_found(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    server = {"USER": "postgres", "NAME": "postgres"}
    throwaway.initdb(tmp_path / "data")
    with throwaway._start(throwaway.postgres(tmp_path, listen_addresses="127.0.0.1", port=str(port)), tmp_path) as process:
        throwaway._wait(lambda: "ready to accept connections" in (tmp_path / "log").read_text(), tmp_path)
        assert open_servers._lets_in(server, "127.0.0.1", str(port))
        (tmp_path / "data" / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        process.send_signal(signal.SIGHUP)
        throwaway._wait(lambda: not open_servers._lets_in(server, "127.0.0.1", str(port)), tmp_path)
        process.send_signal(signal.SIGQUIT)
