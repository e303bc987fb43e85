"""The rows of the list as lanes, of the last hour at most."""

from datetime import datetime, timedelta
from typing import Any

from django.utils.timezone import get_current_timezone

from dashboard.sessions.rows import Row
from dashboard.shared.charts import swimlanes
from orchestration.sessions.tracing import phase_history

FAILED = frozenset({"failed", "crashed", "timed_out", "doomed", "lost", "conflict", "out_of_money"})
MAX_LANES = 40
STEP, MOST = timedelta(minutes=5), timedelta(minutes=60)


def draw(rows: list[Row], at: datetime) -> dict[str, Any]:
    """`lanes`: the drawing. `lanes_more`: how many rows are only in the table."""
    lanes = [lane(row, at) for row in rows[:MAX_LANES]]
    oldest = min((row.session.claimed_at for row in rows[:MAX_LANES]), default=at)
    window = min(max(STEP * ((at - oldest) // STEP + 1), STEP), MOST)  # another host's clock may be ahead
    return {
        "lanes": swimlanes.draw(lanes, at, window, get_current_timezone()),
        "lanes_more": max(0, len(rows) - MAX_LANES),
    }


def lane(row: Row, at: datetime) -> swimlanes.Lane:
    session = row.session
    until = session.ended_at
    begun = [phase_history.Span("starting", session.claimed_at, session.started_at or until)] if not session.phases else []
    spans = [*begun, *phase_history.spans(session.phases, until)]
    return swimlanes.Lane(
        name=f"#{row.entry.seq}",
        spans=[swimlanes.Bar(span.phase, span.start, span.end) for span in spans],
        running=not row.over,
        failed=row.status in FAILED,
    )
