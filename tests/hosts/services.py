"""PostgreSQL and Valkey of a machine: on its address for the other machines, and on unix sockets for the test."""

import os
import signal
import subprocess
from typing import Any

import psycopg
import redis

from config.up import valkey as embedded_valkey
from tests.faults.harness import until
from tests.hosts.machines import NETWORK, Machine
from tests.plugins import database, throwaway

POSTGRES_PORT, VALKEY_PORT = 5432, 6379


class Postgres:
    def __init__(self, machine: Machine) -> None:
        self.machine, self.folder = machine, machine.folder / "pg"
        self.folder.mkdir(mode=0o700)
        self.url = f"postgresql://postgres@{machine.address}:{POSTGRES_PORT}/postgres"
        throwaway.initdb(self.folder / "data")
        with open(self.folder / "data" / "pg_hba.conf", "a") as rules:
            rules.write(f"host all all {NETWORK}.0/24 trust\n")
        self._start()
        socket = str(self.folder).replace("/", "%2F")
        database.migrate_other(f"postgresql://postgres@{socket}:{POSTGRES_PORT}", "postgres")

    def _start(self) -> None:
        command = throwaway.postgres(self.folder, listen_addresses=self.machine.address, port=str(POSTGRES_PORT))
        self.process = self.machine.start(*command, env=dict(os.environ), log=self.folder / "log")
        until(self._answers, 30)

    def _answers(self) -> bool:
        try:
            self.rows("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(f"host={self.folder} port={POSTGRES_PORT} user=postgres dbname=postgres", autocommit=True)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._connect() as link:
            return link.execute(sql, values or None).fetchall()

    def execute(self, sql: str) -> None:
        with self._connect() as link:
            link.execute(sql)

    def values(self, sql: str, *values: Any) -> list[Any]:
        """The first column."""
        return [row[0] for row in self.rows(sql, *values)]

    def restart(self) -> None:
        """A fast shutdown, which ends every connection, and a new start."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        # The number is of the machine's own processes.
        subprocess.run(self.machine.inside("kill", f"-{signal.SIGINT.value}", str(pid)), check=True)
        self.process.wait(20)
        self._start()


class Valkey:
    def __init__(self, machine: Machine) -> None:
        folder = machine.folder / "valkey"
        folder.mkdir()
        self.url, socket = f"redis://{machine.address}:{VALKEY_PORT}/0", folder / "s"
        options = ["--appendonly", "no", "--bind", machine.address, "--port", str(VALKEY_PORT), "--protected-mode", "no"]
        machine.start(*embedded_valkey.command(socket, folder), *options, env=dict(os.environ), log=folder / "log")
        until(lambda: embedded_valkey.answers(socket), 20)
        self.client = redis.Redis(unix_socket_path=str(socket))
