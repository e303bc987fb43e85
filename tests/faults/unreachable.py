"""A database that goes away while a gateway uses it, and comes back."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

from django.db import connection

State = Literal["there", "refuses", "hangs"]


@dataclass
class Passage:
    """The only connection of a gateway to PostgreSQL. `loses_commit`: the next commit of a new request is done, and its acknowledgement is lost."""

    state: State = "there"
    loses_commit: bool = False
    lost: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def become(self, state: State) -> None:
        async with self.changed:
            self.state = state
            self.changed.notify_all()
        for writer in list(self.open) if state == "refuses" else ():
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.state == "refuses":
            writer.transport.abort()
            return
        with suppress(OSError):
            link = Link(self)
            inner = await asyncio.open_unix_connection(f"{_folder()}/.s.PGSQL.5432")
            both = {writer, inner[1]}
            self.open |= both
            await asyncio.gather(link.pass_on(reader, inner[1]), link.pass_back(inner[0], writer), return_exceptions=True)
            self.open -= both
            for each in both:
                each.close()

    async def wait_until_there(self) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.state != "hangs")


@dataclass
class Link:
    """One connection through the passage."""

    passage: Passage
    has_sent: bool = False
    loses_next: bool = False

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(2**16):
            await self.passage.wait_until_there()
            self.has_sent |= b"INSERT INTO budget_gatewayrequest" in chunk
            if self.has_sent and self.passage.loses_commit:  # one statement, which commits itself
                self.passage.loses_commit, self.loses_next = False, True
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(2**16):
            await self.passage.wait_until_there()
            if self.loses_next:
                self.passage.lost += 1
                break
            writer.write(chunk)
            await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def passage() -> AsyncIterator[tuple[Passage, dict[str, str]]]:
    """The passage, and the variables that lead a process through it."""
    crossing = Passage()
    server = await asyncio.start_server(crossing.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield crossing, {"DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/{connection.settings_dict['NAME']}"}
    finally:
        await crossing.become("refuses")
        server.close()


@asynccontextmanager
async def locked() -> AsyncIterator[None]:
    """Another process writes to SQLite all the time."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=20)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def _folder() -> str:
    return unquote(urlsplit(os.environ["DATABASE_URL"]).hostname or "")
