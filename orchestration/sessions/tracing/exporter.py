"""Sends spans by OTLP over HTTP, from one thread of the process: no session waits for a collector. Its address, headers and certificates are
OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_...)."""

import atexit
import os
import queue
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import connections

from orchestration.sessions.tracing.spans import Span

log = structlog.get_logger(__name__)

MOST_WAITING = 1000
EXIT_WAIT_S = 3.0
Work = Callable[[], list[Span]]

_waiting: "queue.Queue[Work]" = queue.Queue(MOST_WAITING)
_starting = threading.Lock()
_thread: threading.Thread | None = None


def send(work: Work) -> None:
    """Send the spans that `work` returns, later. Beyond MOST_WAITING they are dropped, and the log says so."""
    _start()
    try:
        _waiting.put_nowait(work)
    except queue.Full:
        log.warning("trace.dropped", waiting=MOST_WAITING)


def flush(seconds: float = EXIT_WAIT_S) -> bool:
    """Wait until all is sent. False: it was not in time."""
    with _waiting.all_tasks_done:
        return _waiting.all_tasks_done.wait_for(lambda: not _waiting.unfinished_tasks, seconds)


def _start() -> None:
    global _thread
    with _starting:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="traces", daemon=True)
            _thread.start()
            atexit.unregister(flush)
            atexit.register(flush)


def _run() -> None:
    exporters: dict[str, Any] = {}
    while True:
        work = _waiting.get()
        try:
            if spans := work():
                endpoint = settings.OTLP_ENDPOINT
                if endpoint not in exporters:
                    exporters[endpoint] = _exporter(endpoint)
                _export(exporters[endpoint], spans)
        except Exception:
            log.exception("trace.not_sent")
        finally:
            _waiting.task_done()
            if _waiting.empty():
                connections.close_all()


def _exporter(endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # requirements/telemetry.txt

    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")


def _export(exporter: Any, spans: list[Span]) -> None:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExportResult

    resource = Resource.create({} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "muster"})
    if exporter.export([_readable(span, resource) for span in spans]) != SpanExportResult.SUCCESS:
        log.warning("trace.not_sent", trace=f"{spans[0].trace_id:032x}")


def _readable(span: Span, resource: Any) -> Any:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(span_id: int) -> SpanContext:
        return SpanContext(span.trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(
        span.name,
        context(span.span_id),
        context(span.parent_id) if span.parent_id else None,
        resource,
        span.attributes,
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(span.end),
        instrumentation_scope=InstrumentationScope("muster"),
    )


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
