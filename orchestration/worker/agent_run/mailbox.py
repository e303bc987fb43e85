"""The mail between one process of an agent and people: its questions, and their messages.

The agent writes a question as a file in a folder of its own, or as a line of output. Both survive a killed worker: the reaper reads them again. The folder is
untrusted: it has one kind of file, of bounded size and number.
"""

import os
import re
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import connection

from orchestration.dialogue import delivery, questions, texts
from orchestration.dialogue.delivery import Mail
from orchestration.dialogue.questions import NOTED, QuestionRefused
from orchestration.models import Session
from orchestration.sessions import supervise
from orchestration.sessions.folders import own_files
from orchestration.worker.agents.shared.events import Asked, Event, Finished, Text, Usage
from orchestration.worker.agents.shared.json_values import without_unstorable
from workspaces.secrets.masking import Mask

MAX_FILES = 50
MAX_BYTES = 4 * texts.MAX_CHARS + 4  # of UTF-8, and one more character, to detect longer ones
TURN_END_S = 60.0
"""The time for an agent to end its turn after a question. Then it is stopped."""
_NAME = re.compile(r"([A-Za-z0-9]{1,40})\.question")


class Mailbox:
    """The mailbox of one process. The initial mail is that of its prompt."""

    def __init__(self, session: Session, folder: Path, mask: Mask, *, record: str, mail: Mail, round_id: int = 0) -> None:
        self._session = session
        self._folder = folder
        self._mask = mask
        self._record = record
        self._given = mail
        self._round_id = round_id
        self._handed = Mail()
        self._lines: list[tuple[str, str]] = []
        self._asked_at: float | None = None
        self._lock = threading.Lock()

    @property
    def asked(self) -> bool:
        return self._asked_at is not None

    @property
    def goes_on(self) -> bool:
        """True if it asked, and did not end its turn in time."""
        return self._asked_at is not None and time.monotonic() - self._asked_at > TURN_END_S

    def read_event(self, event: Event) -> None:
        """Confirm the prompt at its first action."""
        if isinstance(event, Asked):
            self._lines.append((f"{self._record}:{event.id}", event.text))
        if isinstance(event, Asked | Usage | Text | Finished):
            self.confirm_prompt()

    # Questions.

    def collect(self) -> bool:
        """Store its questions. False: the database is unavailable, and some are left for the next call."""
        while self._lines:
            name, text = self._lines[0]
            if self._note(name, text) is None:
                return False
            self._lines.pop(0)
        return all([self._collect_file(name) for name in _names(self._folder)])  # noqa: C419 (each of them)

    def _collect_file(self, name: str) -> bool:
        path = self._folder / f"{name}.question"
        try:
            with own_files.reading(path) as file:
                text = file.read(MAX_BYTES).decode("utf-8", "replace")
        except OSError:  # a link, a pipe, or gone
            own_files.remove(path)
            return True
        noted = self._note(f"file:{name}", text)
        if noted is None:
            return False
        own_files.remove(path)
        is_noted, sentence = noted
        with suppress(OSError):  # the agent gets no reply then
            own_files.write(self._folder, f"{name}.{'noted' if is_noted else 'refused'}", f"{sentence}\n")
        return True

    def _note(self, name: str, text: str) -> tuple[bool, str] | None:
        """Store a question. Returns True and the sentence for the agent, or False and a refusal; None: the database is unavailable."""
        refusals: list[str] = []

        def ask() -> None:
            try:
                questions.ask(self._session, name[:100], self._mask(without_unstorable(text)))
            except QuestionRefused as refused:
                refusals.append(str(refused))

        if not supervise.try_database(ask):
            return None
        if refusals:
            return False, refusals[0]
        self._asked_at = self._asked_at or time.monotonic()
        return True, NOTED

    # Mail.

    def confirm_prompt(self) -> None:
        """Confirm the mail of its prompt."""
        mail, self._given = self._given, Mail()
        if mail and not supervise.try_database(lambda: delivery.confirm(mail, self._session.workspace_id)):
            self._given = mail

    def after_tool(self, payload: Mapping[str, Any]) -> tuple[str, str]:
        """The hook of a CLI after a tool: new messages, and the reason to end the turn or "". It confirms the messages of the call before: the CLI has continued. Runs
        in the endpoint's threads."""
        if payload.get("agent_id"):  # a subagent: people write to the main conversation
            return "", ""
        with self._lock:
            try:
                self._confirm_handed()
                in_prompt = {message.pk for message in self._given.messages}
                mail = delivery.for_session(self._session, unless=in_prompt)
                delivery.give(mail, self._round_id)
                self._handed = mail
                return mail.text, NOTED if self.asked else ""
            finally:
                connection.close()

    def confirm_handed(self) -> None:
        """Confirm the last messages after a clean end."""
        with self._lock:
            supervise.try_database(self._confirm_handed)

    def _confirm_handed(self) -> None:
        if self._handed:
            delivery.confirm(self._handed, self._session.workspace_id)
            self._handed = Mail()


def collect_left(session: Session, folder: Path, mask: Mask, *, record: str, events: Iterable[Event]) -> None:
    """Store a dead worker's questions, from its folder and its journal."""
    mailbox = Mailbox(session, folder, mask, record=record, mail=Mail())
    for event in events:
        mailbox.read_event(event)
    mailbox.collect()


def _names(folder: Path) -> list[str]:
    """The names of the questions, oldest first."""
    files: list[tuple[float, str]] = []
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(MAX_FILES), entries, strict=False):
                if match := _NAME.fullmatch(entry.name):
                    files.append((entry.stat(follow_symlinks=False).st_mtime, match[1]))
    except OSError:
        return []
    return [name for _, name in sorted(files)]
