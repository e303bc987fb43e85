"""The lines of a session's or a run's log, for people as the sentences that its page shows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from muster_cli.errors import Refused
from muster_cli.run import Run
from muster_cli.server import Request
from muster_client.api.runs import runs_get, runs_log
from muster_client.api.sessions import session_get, session_log
from muster_client.models import RunsLogFormat, SessionLogFormat
from muster_client.types import UNSET


@dataclass
class Log:
    """`with_sentences`: an agent's line of JSON comes as a sentence, unless the server is older than these: then each line is as it was written."""

    run: Run
    source: str
    with_sentences: bool

    @property
    def is_of_run(self) -> bool:
        return self.source.startswith("run_")

    def lines(self, after: int) -> Iterator[dict[str, Any]]:
        try:
            yield from self._read(after)
        except Refused as refusal:
            if not self.with_sentences or refusal.status != 400:
                raise
            self.with_sentences = False  # an older server refuses a parameter that it does not know
            yield from self._read(after)

    def state(self) -> dict[str, Any]:
        """The session or the run."""
        place = (self.run.workspace, self.source)
        row: dict[str, Any] = self.run.server.call(runs_get.request(*place) if self.is_of_run else session_get.request(*place))
        return row

    def _read(self, after: int) -> Iterator[dict[str, Any]]:
        for text in self.run.server.lines(self._request(after)):
            if text:
                line: dict[str, Any] = json.loads(text)
                yield line

    def _request(self, after: int) -> Request:
        workspace, sentences = self.run.workspace, self.with_sentences or UNSET
        if self.is_of_run:
            return runs_log.request(workspace, self.source, after=after, format_=RunsLogFormat.JSONL, sentences=sentences)
        return session_log.request(workspace, self.source, after=after, format_=SessionLogFormat.JSONL, sentences=sentences)
