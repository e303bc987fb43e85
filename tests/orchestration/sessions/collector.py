"""A collector of traces: an HTTP server that reads OTLP as protobuf and keeps the spans."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Read:
    """A span as the collector reads it. `parent`: the name of its parent span's id, as bytes."""

    name: str
    trace: str
    id: bytes
    parent: bytes
    start: int
    end: int
    attributes: dict[str, Any]
    error: str
    service: str


@dataclass
class Collector:
    endpoint: str
    spans: list[Read] = field(default_factory=list)

    def named(self, name: str) -> Read:
        return next(span for span in self.spans if span.name == name)


@contextmanager
def collector(status: int = 200) -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces" and status == 200:
                kept.spans += _spans(body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


def _spans(body: bytes) -> Iterator[Read]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = next(item.value.string_value for item in resource.resource.attributes if item.key == "service.name")
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            attributes = {item.key: getattr(item.value, str(item.value.WhichOneof("value"))) for item in span.attributes}
            yield Read(
                span.name,
                span.trace_id.hex(),
                span.span_id,
                span.parent_span_id,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                attributes,
                span.status.message if span.status.code == 2 else "",
                service,
            )
