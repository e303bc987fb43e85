"""Sends spans by OTLP over HTTP, with the queue, the batches and the thread of OpenTelemetry's SDK. Its address, headers, certificates and
limits are OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_..., OTEL_BSP_...)."""

import atexit
import os
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import structlog
from django.conf import settings

from orchestration.sessions.tracing.spans import Span

log = structlog.get_logger(__name__)

EXIT_WAIT_MS = 3_000


def send(work: Callable[[], list[Span]]) -> None:
    """Queue the spans that `work` returns. Nothing that fails here, or at the collector, fails its caller."""
    try:
        for span in work():
            _processor(settings.OTLP_ENDPOINT).on_end(_readable(span))
    except Exception:
        log.exception("trace.not_sent")


def flush() -> None:
    """Wait until all is sent, or the collector did not take it."""
    _processor(settings.OTLP_ENDPOINT).force_flush()


@cache
def _processor(endpoint: str) -> Any:
    """Made with the first trace: it starts a thread, and no fork of `./muster up` may have one yet."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # requirements/telemetry.txt
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))
    # The public shutdown waits 30 s for a collector that hangs: longer than a process has for its end.
    atexit.register(processor._batch_processor.shutdown, EXIT_WAIT_MS)
    return processor


@cache
def _resource() -> Any:
    from opentelemetry.sdk.resources import Resource

    return Resource.create({} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "muster"})


def _readable(span: Span) -> Any:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(span_id: int) -> SpanContext:
        return SpanContext(span.trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(
        span.name,
        context(span.span_id),
        context(span.parent_id) if span.parent_id else None,
        _resource(),
        span.attributes,
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(span.end),
        instrumentation_scope=InstrumentationScope("muster"),
    )


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
