"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT is set: a session is one trace, which is made of its rows after it has ended.

`phase_history` keeps when each phase of a session began; `spans` says what a trace consists of; `exporter` sends it from a thread. A trace may be sent twice, or never when a process is killed; no
work waits for a collector.
"""

from functools import partial

from django.conf import settings
from django.db import transaction

from orchestration.sessions.tracing import exporter, spans
from orchestration.sessions.tracing.spans import trace_id

__all__ = ["landed", "session_ended", "trace_id"]


def session_ended(session_id: str) -> None:
    """Send the session's trace once the caller's transaction is committed."""
    if settings.OTLP_ENDPOINT:
        transaction.on_commit(partial(exporter.send, partial(spans.of_session, session_id)))


def landed(landing_id: int) -> None:
    """Add the wait for its landing to the trace of the session whose work landed."""
    if settings.OTLP_ENDPOINT:
        transaction.on_commit(partial(exporter.send, partial(spans.of_landing, landing_id)))
