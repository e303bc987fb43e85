"""The proxy of one process in a sandbox: a thread of the worker, until the process's shim is gone.

The sandbox has a network of its own. Its first process listens there on 127.0.0.1 and sends the listening sockets here, before the agent
starts. So nothing of the proxy lies in the sandbox, and nothing there forwards bytes.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

import structlog

from orchestration.sessions.sandbox.network import requests
from orchestration.sessions.sandbox.network.rules import Rules
from workspaces.outgoing import addresses

log = structlog.get_logger(__name__)

PORT = 3128
MAX_CONNECTIONS = 256
HEAD_S, CONNECT_S, IDLE_S = 30.0, 20.0, 1800.0
CHUNK = 2**16
MAX_ADDRESSES = 8
MAX_NAMED = 100  # refused hosts in one log


class Refusals:
    """The refused hosts of one session: each once. Safe from any thread."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self._sentences: SimpleQueue[str] = SimpleQueue()

    def add(self, host: str, port: int, sentence: str) -> None:
        with self._lock:
            if (host, port) in self._seen or len(self._seen) >= MAX_NAMED:
                return
            self._seen.add((host, port))
        self._sentences.put(sentence)

    def take(self) -> list[str]:
        """The sentences since the last call."""
        sentences = []
        with suppress(Empty):
            while True:
                sentences.append(self._sentences.get_nowait())
        return sentences


class Proxy:
    """`ports`: where the sandbox's first process listens: the proxy itself, then the permitted ports of the host's loopback, which need no
    client that knows of a proxy."""

    def __init__(self, rules: Rules, refusals: Refusals, *, taken: Collection[int] = (), places: Iterable[str] = ()) -> None:
        """`taken`: ports on which another process of its network listens. `places`: `address:port` of this host, which are passed on."""
        self._rules, self._refusals = rules, refusals
        self._clients = 0
        forwarded = [
            port for port in rules.loopback if port >= 1024 and port not in taken
        ]  # below, the first process may not listen
        own = next(port for port in range(PORT, 2**16) if port not in (*forwarded, *taken))
        self.ports: list[int | str] = [own, *forwarded, *places]

    def open(self) -> socket.socket:
        """Start. The proxy ends when every copy of this socket is closed."""
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._run, args=(ours,), name="sandbox-proxy", daemon=True).start()
        return theirs

    def refused(self) -> list[str]:
        return self._refusals.take()

    def variables(self) -> dict[str, str]:
        """The variables that point clients to the proxy. Servers that a process starts itself are on its own loopback."""
        url, own = f"http://127.0.0.1:{self.ports[0]}", "localhost,127.0.0.1,::1"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
        return {**dict.fromkeys(names, url), "NO_PROXY": own, "no_proxy": own, "NODE_USE_ENV_PROXY": "1"}

    def _run(self, ours: socket.socket) -> None:
        with ours:
            try:
                data, handles, _, _ = socket.recv_fds(ours, 1, len(self.ports))
                listeners = [socket.socket(fileno=handle) for handle in handles]
                if data and len(listeners) == len(self.ports):
                    ours.sendall(b".")
                    asyncio.run(self._serve(ours, listeners, [None, *self.ports[1:]]))
            except OSError as problem:
                log.debug("sandbox_proxy.ended", error=str(problem))

    def forward(self, listeners: list[socket.socket]) -> socket.socket:
        """Serve sockets that listen on the forwarded ports already, until the socket that it returns is closed."""
        ours, theirs = socket.socketpair()

        def run() -> None:
            with ours:
                asyncio.run(self._serve(ours, listeners, self.ports[1:]))

        threading.Thread(target=run, name="sandbox-forwarding", daemon=True).start()
        return theirs

    async def _serve(self, ours: socket.socket, listeners: list[socket.socket], targets: Sequence[int | str | None]) -> None:
        """`targets`: the port of the host's loopback behind each listener, or its place; None: it is the proxy's."""
        ours.setblocking(False)
        servers = []
        for listener, target in zip(listeners, targets, strict=True):
            listener.setblocking(False)
            servers.append(await asyncio.start_server(partial(self._client, forwarded=target), sock=listener, limit=CHUNK))
        await asyncio.get_running_loop().sock_recv(ours, 1)  # the shim's end; what still runs is cancelled with this loop
        # The loop's end waits for names that are still looked up, and the next process of a stage listens on these ports.
        for server in servers:
            server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, forwarded: int | str | None) -> None:
        self._clients += 1
        try:
            if self._clients > MAX_CONNECTIONS:
                writer.write(requests.answer(503, "Too many connections at once"))
            elif forwarded is not None:
                address, _, port = str(forwarded).rpartition(":")
                await _join(
                    reader, writer, *await _connected([address] if address else ["127.0.0.1", "::1"], int(port)), first=b""
                )
            else:
                await self._proxied(reader, writer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # either side is gone, or makes no sense
        except asyncio.CancelledError:
            pass  # at the loop's end; Python 3.11 logs a connection that ends in it as an error of the worker's
        finally:
            self._clients -= 1
            writer.close()

    async def _proxied(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = requests.parse(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_S))
        except ValueError as problem:
            writer.write(requests.answer(400, str(problem)))
            return
        try:
            upstream = await self._upstream(request.host, request.port)
        except _Refused as refused:
            self._refusals.add(request.host, request.port, str(refused))
            writer.write(requests.answer(403, str(refused)))
            return
        except (OSError, TimeoutError) as problem:
            writer.write(requests.answer(502, f"{request.place} could not be reached: {problem or 'no answer'}"))
            return
        if not request.first:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _join(reader, writer, *upstream, first=request.first, most=request.body if request.first else None)

    async def _upstream(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises _Refused, OSError, TimeoutError. It connects to the very addresses that it checked."""
        permission = self._rules.permission(host, port)
        if permission == "refused":
            raise _Refused(host, port)
        places = await asyncio.wait_for(_resolved(host, port), CONNECT_S)
        if permission == "public" and not all(addresses.is_public(ipaddress.ip_address(place)) for place in places):
            raise _Refused(host, port, " with its port, since it leads to an address that is not public")
        return await _connected(places, port)


class _Refused(Exception):
    def __init__(self, host: str, port: int, how: str = "") -> None:
        super().__init__(f"The sandbox's proxy refused {requests.place(host, port)}: add it to sandbox.allow{how}")


async def _resolved(host: str, port: int) -> list[str]:
    results = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in results))


async def _connected(places: Sequence[str], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first address that answers."""
    problem: Exception = OSError("no address")
    for place in places[:MAX_ADDRESSES]:
        try:
            return await asyncio.wait_for(asyncio.open_connection(place, port), CONNECT_S)
        except (OSError, TimeoutError) as error:
            problem = error
    raise problem


async def _join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream: asyncio.StreamReader,
    to_upstream: asyncio.StreamWriter,
    *,
    first: bytes,
    most: int | None = None,
) -> None:
    """Pass on both directions until both have ended. `most`: bytes of the client after `first`; None: all."""
    try:
        to_upstream.write(first)
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass_on(reader, to_upstream) if most is None else _pass_body(reader, to_upstream, most))
            both.create_task(_pass_on(upstream, writer))
    except* (OSError, TimeoutError):
        pass
    finally:
        to_upstream.close()


async def _pass_body(source: asyncio.StreamReader, target: asyncio.StreamWriter, left: int) -> None:
    """Pass so many bytes on. The connection to the target stays open for writing: some servers take its end for a client that is gone."""
    while left and (data := await asyncio.wait_for(source.read(min(CHUNK, left)), IDLE_S)):
        left -= len(data)
        target.write(data)
        await asyncio.wait_for(target.drain(), IDLE_S)


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await asyncio.wait_for(source.read(CHUNK), IDLE_S):
        target.write(data)
        await asyncio.wait_for(target.drain(), IDLE_S)
    if target.can_write_eof():
        target.write_eof()
