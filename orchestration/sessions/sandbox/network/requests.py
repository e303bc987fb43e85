"""A client's request to the proxy, and the proxy's own answers. Pure."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from orchestration.configuration.config import hosts

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HOP_BY_HOP = ("connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "upgrade", "host")


@dataclass(frozen=True, slots=True)
class Request:
    """`first`: what the host itself gets first; empty: a tunnel was asked for. `body`: how many bytes follow it, and no more: a second request
    on the same connection could name another host."""

    host: str
    port: int
    first: bytes = b""
    body: int = 0

    @property
    def place(self) -> str:
        return place(self.host, self.port)


def place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(head: bytes) -> Request:
    """`CONNECT host:port`, or a request for a whole http URL. Raises ValueError with a sentence."""
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = line.split(" ")
    if any(c in line for c in "\r\n\0") or len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise ValueError("This is no request to a proxy")
    method, target, _ = words
    length = _length(fields)
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
    kept = [field for field in fields if field.partition(":")[0].strip().lower() not in HOP_BY_HOP]
    authority = place(host, port).removesuffix(":80")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {authority}", *kept, "Connection: close", "", ""]
    return Request(host, port, "\r\n".join(lines).encode("latin-1"), length)


def _length(fields: list[str]) -> int:
    """The length of the body. Raises ValueError for fields that two servers could read in two ways."""
    names = [field.partition(":")[0].lower() for field in fields]
    if any(not _NAME.fullmatch(name) for name in names) or any(c in field for field in fields for c in "\r\n\0"):
        raise ValueError("The proxy takes header fields of one line each, without blanks in their names")
    if "transfer-encoding" in names or names.count("content-length") > 1:
        raise ValueError("The proxy takes a body by one Content-Length; use https for others")
    value = next((field.partition(":")[2].strip() for field in fields if field.lower().startswith("content-length:")), "0")
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        raise ValueError("This Content-Length is no number")
    return int(value)


def answer(status: int, sentence: str) -> bytes:
    body = f"{sentence}\n".encode(errors="replace")
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
