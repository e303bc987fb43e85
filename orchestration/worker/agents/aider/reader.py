"""Reads aider: its text for progress and failures, its analytics log for the cost of each request."""

import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.facts import failures
from orchestration.sessions.metering import Usage
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Text, Waiting
from orchestration.worker.agents.shared.file_tail import FileTail
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.json_values import count, nested, parse_object
from orchestration.worker.agents.shared.token_counts import reported_cost

_ERROR = re.compile(r"^litellm\.(\w+)")
_RETRY = re.compile(r"^Retrying in (\d+(?:\.\d+)?) seconds")
_EDITED = re.compile(r"^Applied edit to |^Creating empty file ")
# Output about aider itself, not about the work.
_NOISE = re.compile(
    r"^(HTTPSConnectionPool|Detected dumb|Aider v|Main model|Weak model|Editor model|Git repo|Repo-map|Added |Tokens: )"
)
TOKEN_LIMIT = "has hit a token limit"


class Reader:
    """One process. aider exits with 0 even if every request failed."""

    thread: Thread | None = None

    def __init__(self, log: Path, *, model: str) -> None:
        self._log = FileTail(log.parent, log.name)
        self._model = model
        self._sent = 0
        self._has_answer = False
        self._answer_lines: list[str] = []
        self._error = ""
        self._failed = False
        self._last_lines: deque[str] = deque(maxlen=5)

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        line = line.strip()
        if not line:
            return
        if match := _ERROR.match(line):
            self._error = line[:1000]
            if _code(self._error) == "auth" or match[1] == "AuthenticationError":
                yield self._fail("auth")
        elif (match := _RETRY.match(line)) and not self._failed:
            yield from self._retry(min(float(match[1]), 3600))
        elif TOKEN_LIMIT in line:
            self._error = line[:1000]
            yield self._fail("context_full")
        elif _EDITED.match(line):
            yield Text(line[:500])
        elif not _NOISE.match(line):
            self._last_lines.append(line[:500])
            self._answer_lines = [*self._answer_lines, line][-200:]

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def poll(self) -> Iterator[Event]:
        for line in self._log.lines():
            payload = parse_object(line)
            if nested(payload, "event") == "message_send":
                self._sent += 1
                yield from self._request(nested(payload, "properties"))

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self.poll()
        if exit_code is None or self._failed:
            return
        if self._error or not self._has_answer:
            words = self._error or " ".join(self._last_lines)
            self._error = words or f"it ended with {exit_code} and without an answer"
            yield Finished(False, words)
            yield self._fail(_code(words) or ("crashed" if exit_code == 0 else "cli_refused"))
        else:
            yield Finished(True, "\n".join(self._answer_lines)[-20_000:])

    def _request(self, payload: Any) -> Iterator[Event]:
        """The cost is exact, the tokens include cached ones. For a request without an answer aider guesses both."""
        cost, received = reported_cost(nested(payload, "cost")), count(nested(payload, "completion_tokens"))
        if received == 0:
            yield Discrepancy("aider counts a request that had no answer: it is not booked", cost or 0)
            return
        self._has_answer = True
        self._error = ""
        yield Usage(
            id=f"send:{self._sent}",
            cost=cost,
            model=self._model,
            input_tokens=count(nested(payload, "prompt_tokens")),
            output_tokens=received,
        )

    def _retry(self, pause: float) -> Iterator[Event]:
        code = _code(self._error) or "overloaded"
        if failures.KINDS[code].cause == "setup":
            yield self._fail(code)
        else:
            yield Waiting(f"{failures.KINDS[code].title}: {self._error[:200]}", time.time() + pause, code)

    def _fail(self, code: str) -> Failure:
        self._failed = True
        return Failure(code, self._error)


def _code(words: str) -> str | None:
    return failures.from_text(words)
