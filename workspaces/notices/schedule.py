"""The times when a digest is due: every day at an hour of its time zone, or every Monday. Pure.

An hour that the clocks skip is the one after it; of an hour that occurs twice, the first counts.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MONDAY = 0


@dataclass(frozen=True)
class Schedule:
    """`weekly`: on Mondays only. `hour`: 0 to 23."""

    weekly: bool
    hour: int
    zone: ZoneInfo

    def after(self, at: datetime) -> datetime:
        """The first moment later than `at`."""
        day = at.astimezone(self.zone).date() - DAY
        while not (self._is_on(day) and self._moment(day) > at):
            day += DAY
        return self._moment(day)

    def before(self, at: datetime) -> datetime:
        """The last moment earlier than `at`."""
        day = at.astimezone(self.zone).date() + DAY
        while not (self._is_on(day) and self._moment(day) < at):
            day -= DAY
        return self._moment(day)

    def _is_on(self, day: date) -> bool:
        return not self.weekly or day.weekday() == MONDAY

    def _moment(self, day: date) -> datetime:
        return datetime.combine(day, time(self.hour), self.zone).astimezone(UTC)
