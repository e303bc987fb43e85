"""Ends a doomed round (docs/explanation/stopping.md): feeds the watch, sends the warning, and decides the end."""

from collections.abc import Sequence
from pathlib import Path

from orchestration.dialogue import progress_warnings
from orchestration.models import Message, Session
from orchestration.sessions import rounds, supervise
from orchestration.worker.agent_run import file_state
from orchestration.worker.agent_run.round_watch import RoundWatch, failing_names
from orchestration.worker.agents.shared.events import Event, ToolUse
from workspaces.secrets.masking import Mask

LOOK_EVERY = 4
"""Tools between two looks at the files."""


class ProgressWatch:
    """The watch over one round, through all processes of its agent. It warns, and with `ends` also ends the round. It reads nothing before the first tool use:
    an agent without tools costs nothing."""

    def __init__(self, session: Session, folder: Path, mask: Mask, *, receives: bool, ends: bool) -> None:
        self._session, self._folder, self._mask, self._ends = session, folder, mask, ends
        self._receives = receives
        self._key = ""
        self._warning: Message | None = None
        self._watch: RoundWatch | None = None
        self._unread: list[ToolUse] = []
        self._uses = 0
        self._decided = self._looked = 0
        self._files: file_state.FileState | None = None

    def read_event(self, event: Event) -> None:
        if isinstance(event, ToolUse):
            self._uses += 1
            self._unread.append(event)

    def check(self) -> str:
        """Warn if due. Returns the signs if the round must end, or ""."""
        if self._uses == self._decided:
            return ""
        if self._watch is None:
            supervise.try_database(self._begin)
        if (round_watch := self._watch) is None:
            return ""
        self._decided = self._uses
        for use in self._unread:
            round_watch.read(use)
        self._unread.clear()
        self._look(round_watch)
        self._note_arrival(round_watch)
        decision = round_watch.decide()
        seen = self._mask(round_watch.seen)[:400]
        if decision == "warn":
            supervise.try_database(lambda: self._send(seen))
        return f"ended early: {seen}" if decision == "end" and self._ends else ""

    def _begin(self) -> None:
        before = rounds.newest_judged(self._session.owner_id)
        self._key = f"warning after round {before.number if before else 0}"
        self._warning = progress_warnings.known(self._session.work_id, self._key)
        findings: Sequence[str] = before.findings if before is not None else ()
        self._files = file_state.look(self._folder)
        self._watch = RoundWatch(failing_names(findings), receives=self._receives, was_warned=self._warning is not None)

    def close(self) -> None:
        """Withdraw an undelivered warning at the process's end. There is no second one."""
        if (warning := self._warning) is not None:
            supervise.try_database(lambda: progress_warnings.withdraw(warning))

    def _look(self, round_watch: RoundWatch) -> None:
        """Look at the files. Unreadable ones count as changed."""
        if self._uses - self._looked < LOOK_EVERY and self._files is not None:
            return
        self._looked, before = self._uses, self._files
        self._files = file_state.look(self._folder)
        if self._files is None or self._files != before:
            round_watch.files_changed()

    def _send(self, seen: str) -> None:
        self._warning = progress_warnings.send(self._session, seen, key=self._key)

    def _note_arrival(self, round_watch: RoundWatch) -> None:
        warning = self._warning
        if warning is not None and warning.delivered_at is None:
            supervise.try_database(lambda: _read_arrival(warning, round_watch))


def _read_arrival(warning: Message, round_watch: RoundWatch) -> None:
    if Message.objects.filter(pk=warning.pk, delivered_at__isnull=False).exists():
        warning.refresh_from_db()
        round_watch.warning_arrived()
