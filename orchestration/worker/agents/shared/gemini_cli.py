"""Gemini CLI and its fork Qwen Code: the options, the stream and the chat files that both have."""

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestration.processes.kill_sequence import Step
from orchestration.sessions.folders import own_files
from orchestration.worker.agents.shared import conversation_ids
from orchestration.worker.agents.shared.events import Event, Failure, Text
from orchestration.worker.agents.shared.file_tail import FileTail
from orchestration.worker.agents.shared.interface import Launch, Task, Thread
from orchestration.worker.agents.shared.json_values import nested, parse_object, prompt_argument, text
from orchestration.worker.agents.shared.token_counts import merged_settings
from orchestration.worker.agents.shared.tool_uses import tool_use

OWN_MODES = {"--approval-mode", "--yolo", "-y"}
# They print nothing after TERM; the chat is written by then.
KILL_SEQUENCE = (Step("TERM", "all", 0.0), Step("KILL", "all", 0.3))


def new(task: Task) -> tuple[Thread, str]:
    """A thread, and the option for it."""
    return conversation_ids.new_thread(task), "--session-id"


def known(task: Task, chat_pattern: str) -> tuple[Thread, str]:
    """The thread of the last round, and the option for it. A thread without a chat file begins again."""
    if (thread := conversation_ids.resumable_thread(task)) is None:
        return new(task)
    exists = any(task.home.glob(chat_pattern.format(id=thread.id, short=thread.id[:8])))
    return thread, "--resume" if exists else "--session-id"


def launch(
    task: Task,
    program: str,
    conversation: tuple[Thread, str],
    options: Iterable[str],
    settings: dict[str, Any],
    no_relaunch_variable: str,
) -> Launch:
    """The launch of the CLI. Without a relaunch by the CLI the working process gets the signals."""
    thread, option = conversation
    own_files.write(task.home, f".{program}/settings.json", json.dumps(merged_settings(settings, task.agent.settings)))
    argv = [program, "--output-format", "stream-json", option, thread.id]
    if not given(task) & OWN_MODES:
        argv += ["--approval-mode", "yolo"]
    argv += options
    if task.agent.model:
        argv += ["-m", task.agent.model]
    if (prompt := prompt_argument(task)) != task.prompt:
        argv += ["--include-directories", str(task.prompt_file.parent)]  # it reads no other folder
    argv += [*task.agent.args, "-p", prompt]
    return Launch(argv, {no_relaunch_variable: "true"}, thread)


def given(task: Task) -> set[str]:
    """The options that the config gives."""
    return {arg.split("=")[0] for arg in task.agent.args}


class ChatReader(ABC):
    """One process: its stream for progress, its chat files for the tokens of each request, its result for the remaining usage."""

    descriptive_keys: tuple[str, ...]

    def __init__(self, cwd: str, thread: Thread | None, chats: FileTail) -> None:
        self._cwd = cwd
        self._id = thread.id if thread else ""
        self._chats = chats
        self._seen: set[str] = set()
        self._calls: dict[str, tuple[Any, Any]] = {}
        self._result: dict[str, Any] | None = None
        self._failure: Failure | None = None
        self._last_lines: deque[str] = deque(maxlen=5)

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        message = None if is_error else parse_object(line)
        return self._words(line.strip()) if message is None else self._message(message)

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self._missing_usage()
        if self._failure is None and self._result is None and exit_code is not None:
            words = " ".join(self._last_lines)[:1000]
            yield self._failed(self._early_end(exit_code, words), words or f"it ended with {exit_code} and without a result")

    @abstractmethod
    def _words(self, line: str) -> Iterator[Event]:
        """Read a line that is no message."""

    @abstractmethod
    def _message(self, message: dict[str, Any]) -> Iterator[Event]: ...

    @abstractmethod
    def _missing_usage(self) -> Iterator[Event]: ...

    @abstractmethod
    def _early_end(self, exit_code: int, words: str) -> str:
        """The code of the failure of a process that ended without a result."""

    def _thread(self, **totals: Any) -> Thread | None:
        return Thread(self._id, {"cwd": self._cwd, "offsets": dict(self._chats.offsets), **totals}) if self._id else None

    def _tool(self, id_: Any, name: Any, arguments: Any) -> Text:
        self._calls[text(id_, 200)] = name, arguments
        detail = next((text(nested(arguments, key), 300) for key in self.descriptive_keys if nested(arguments, key)), "")
        return Text(f"{text(name, 100)} {detail}".strip())

    def _tool_answer(self, id_: Any, answer: Any) -> Iterator[Event]:
        if call := self._calls.pop(text(id_, 200), None):
            yield tool_use(*call, answer)

    def _failed(self, code: str, message: str) -> Failure:
        """Reported at once: a failure that a person must fix ends the process."""
        self._failure = Failure(code, message[:1000])
        return self._failure
