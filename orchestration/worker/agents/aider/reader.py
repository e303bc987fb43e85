"""Understanding aider: its text for what it does and what failed, its analytics log for what each request cost."""

import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.sessions.metering import Usage
from orchestration.worker.agents.shared import failures
from orchestration.worker.agents.shared.appended import Appended
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.reading import count, dig, parsed
from orchestration.worker.agents.shared.spending import reported

_ERROR = re.compile(r"^litellm\.(\w+)")
_RETRY = re.compile(r"^Retrying in (\d+(?:\.\d+)?) seconds")
_EDITED = re.compile(r"^Applied edit to |^Creating empty file ")
# What it says of itself, not of the work.
_NOISE = re.compile(
    r"^(HTTPSConnectionPool|Detected dumb|Aider v|Main model|Weak model|Editor model|Git repo|Repo-map|Added |Tokens: )"
)
TOKEN_LIMIT = "has hit a token limit"


class Reader:
    """One process, which exits with 0 also when every request failed."""

    thread: Thread | None = None

    def __init__(self, log: Path, *, model: str) -> None:
        self._log = Appended(log.parent, log.name)
        self._model = model
        self._sent = 0
        self._answered = False
        self._answer: list[str] = []
        self._error = ""
        self._failed = False
        self._last_words: deque[str] = deque(maxlen=5)

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        line = line.strip()
        if not line:
            return
        if found := _ERROR.match(line):
            self._error = line[:1000]
            if _code(self._error) == "auth" or found[1] == "AuthenticationError":
                yield self._fail("auth")
        elif (found := _RETRY.match(line)) and not self._failed:
            yield from self._again(min(float(found[1]), 3600))
        elif TOKEN_LIMIT in line:
            self._error = line[:1000]
            yield self._fail("context_full")
        elif _EDITED.match(line):
            yield Text(line[:500])
        elif not _NOISE.match(line):
            self._last_words.append(line[:500])
            self._answer = [*self._answer, line][-200:]

    def hear(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def look(self) -> Iterator[Event]:
        for line in self._log.lines():
            told = parsed(line)
            if dig(told, "event") == "message_send":
                self._sent += 1
                yield from self._request(dig(told, "properties"))

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self.look()
        if exit_code is None or self._failed:
            return
        if self._error or not self._answered:
            words = self._error or " ".join(self._last_words)
            self._error = words or f"it ended with {exit_code} and without an answer"
            yield Finished(False, words)
            yield self._fail(_code(words) or ("crashed" if exit_code == 0 else "cli_refused"))
        else:
            yield Finished(True, "\n".join(self._answer)[-20_000:])

    def _request(self, told: Any) -> Iterator[Event]:
        """Its cost is exact, its tokens hold what came from a cache. Of a request without an answer it guesses both."""
        cost, received = reported(dig(told, "cost")), count(dig(told, "completion_tokens"))
        if received == 0:
            yield Discrepancy("aider counts a request that had no answer: it is not booked", cost or 0)
            return
        self._answered = True
        self._error = ""
        yield Usage(
            id=f"send:{self._sent}",
            cost=cost,
            model=self._model,
            input_tokens=count(dig(told, "prompt_tokens")),
            output_tokens=received,
        )

    def _again(self, pause: float) -> Iterator[Event]:
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
