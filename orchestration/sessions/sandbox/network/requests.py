"""What a client asks of the proxy, and the proxy's own answers. Pure."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from orchestration.configuration.config import hosts

OF_THE_HOP = ("connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "upgrade", "host")


@dataclass(frozen=True, slots=True)
class Request:
    """`first`: what the host itself gets first; empty: a tunnel was asked for."""

    host: str
    port: int
    first: bytes = b""

    @property
    def place(self) -> str:
        return place(self.host, self.port)


def place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(head: bytes) -> Request:
    """`CONNECT host:port`, or a request for a whole http URL. Raises ValueError with a sentence."""
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise ValueError("This is no request to a proxy")
    method, target, _ = words
    try:
        if method == "CONNECT":
            host, port = hosts.split(target)
            if port is None:
                raise ValueError
            return Request(host, port)
        parts = urlsplit(target)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError
        host, port = hosts.plain(parts.hostname), parts.port or 80
    except ValueError:
        raise ValueError("The proxy takes CONNECT host:port and http URLs") from None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [field for field in fields if field.partition(":")[0].strip().lower() not in OF_THE_HOP]
    authority = place(host, port).removesuffix(":80")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {authority}", *kept, "Connection: close", "", ""]
    return Request(host, port, "\r\n".join(lines).encode("latin-1"))


def answer(status: int, sentence: str) -> bytes:
    body = f"{sentence}\n".encode(errors="replace")
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
