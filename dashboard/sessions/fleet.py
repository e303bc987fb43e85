"""The sessions at work as a dense grid: which is quiet, and which spends fast."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.sessions.rows import Row
from orchestration.lists import sessions

SILENT_AFTER, MUTE_AFTER = timedelta(seconds=60), timedelta(minutes=3)
SORTS = {"": "Quietest first", "-burn": "Fastest burning first", "entry": "By number"}


@dataclass(frozen=True)
class Tile:
    """`tone`: `warn` or `bad` after a time without output. `share`: of its reservation that is spent, in percent. `burn`: micro-USD a minute."""

    row: Row
    tone: str
    share: int
    burn: int


def tiles(rows: list[Row], at: datetime) -> list[Tile]:
    return [
        Tile(row, _tone(at - row.silent_since), _share(row), round(sessions.burn(row.session, at) * 60))
        for row in rows
        if not row.over
    ]


def _tone(silent: timedelta) -> str:
    return "bad" if silent > MUTE_AFTER else "warn" if silent > SILENT_AFTER else ""


def _share(row: Row) -> int:
    hold = row.session.hold
    return min(100, round(hold.drawn * 100 / hold.amount)) if hold and hold.amount else 0
