"""aider: costs are exact in its analytics log and rounded in its text; it exits with 0 even after failures."""

import json
from pathlib import Path

import pytest

from orchestration.worker.agents import aider
from orchestration.worker.agents.aider.reader import Reader
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Task
from tests.orchestration.worker.agents.recorded import TRANSCRIPTS, a_task, cost, lines, of_kind


def the_task(folder: Path, **agent: object) -> Task:
    return a_task(folder, **{"kind": "aider", "model": "openai/gpt-5", **agent})


def events_of(folder: Path, name: str, exit_code: int | None = 0) -> list[Event]:
    """The events of its text, and of its log if one was recorded."""
    task = the_task(folder)
    log = TRANSCRIPTS / f"{name}-analytics.jsonl"
    (task.home / "analytics.jsonl").write_text(log.read_text() if log.exists() else "")
    reader: Reader = aider.reader(task)
    words = (TRANSCRIPTS / f"{name}.txt").read_text().splitlines()
    return [*(event for line in words for event in reader.read(line)), *reader.end(exit_code)]


def test_a_request_costs_what_the_provider_counted_and_not_two_cents(tmp_path: Path) -> None:
    events = events_of(tmp_path, "aider")
    assert cost(events) == 16_000
    assert [(used.model, used.input_tokens, used.output_tokens) for used in of_kind(Usage, events)] == [("gpt-5", 12_000, 100)]
    assert [finished.ok for finished in of_kind(Finished, events)] == [True]


def test_a_request_without_an_answer_is_not_booked(tmp_path: Path) -> None:
    events = events_of(tmp_path, "aider-error-context")
    assert of_kind(Usage, events) == [] and len(of_kind(Discrepancy, events)) == 1
    assert [failure.code for failure in of_kind(Failure, events)] == ["context_full"]


def test_a_refused_key_is_a_failure_though_it_exits_with_0(tmp_path: Path) -> None:
    assert [failure.code for failure in of_kind(Failure, events_of(tmp_path, "aider-error-401"))] == ["auth"]


def test_its_attempts_are_waits_and_the_last_one_a_failure(tmp_path: Path) -> None:
    events = events_of(tmp_path, "aider-error-429")
    assert {wait.code for wait in of_kind(Waiting, events)} == {"rate_limited"}
    assert [failure.code for failure in of_kind(Failure, events)] == ["rate_limited"]


def test_a_recovered_error_is_no_failure(tmp_path: Path) -> None:
    reader = aider.reader(the_task(tmp_path))
    list(reader.read("litellm.RateLimitError: slow down"))
    (tmp_path / "home/analytics.jsonl").write_text("\n".join(lines("aider-analytics")) + "\n")
    assert of_kind(Failure, reader.end(0)) == []


def sent(folder: Path, *requests: dict[str, object]) -> Reader:
    """A reader of a log with these requests."""
    reader: Reader = aider.reader(the_task(folder))
    rows = [{"event": "message_send_starting", "properties": {}}]
    rows += [{"event": "message_send", "properties": properties} for properties in requests]
    (folder / "home/analytics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return reader


def test_each_request_with_an_answer_is_booked_though_its_cost_is_unknown(tmp_path: Path) -> None:
    answered = {"prompt_tokens": 10, "completion_tokens": 5}
    events = list(sent(tmp_path, {**answered, "cost": 0.1}, {"prompt_tokens": 9, "cost": 0.2}, {**answered, "cost": 0}).poll())
    assert events == [
        Usage("send:1", 100_000, "gpt-5", 10, 5),
        Discrepancy("aider counts a request that had no answer: it is not booked", 200_000),
        Usage("send:3", None, "gpt-5", 10, 5),
    ]


def test_its_answer_is_the_end_of_its_text_without_words_about_itself(tmp_path: Path) -> None:
    reader = sent(tmp_path, {"completion_tokens": 5})
    for line in ("Aider v0.86.2", "Tokens: 12k sent", *(f"line {n}" for n in range(201)), "  ", "Repo-map: using 4096 tokens"):
        assert list(reader.read(line)) == []
    assert list(reader.read("Applied edit to a.py")) == [Text("Applied edit to a.py")]
    assert of_kind(Finished, reader.end(0)) == [Finished(True, "\n".join(f"line {n}" for n in range(1, 201)))]


def test_a_kill_is_no_failure_and_a_failure_is_reported_once(tmp_path: Path) -> None:
    assert list(aider.reader(the_task(tmp_path)).end(None)) == []
    reader: Reader = aider.reader(the_task(tmp_path))
    assert list(reader.read("litellm.AuthenticationError: odd words")) == [
        Failure("auth", "litellm.AuthenticationError: odd words")
    ]
    assert list(reader.read("Retrying in 2 seconds")) == list(reader.end(1)) == []


def test_a_retry_ends_at_its_time_unless_a_person_must_act(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    for words, seconds, expected in (
        ("litellm.RateLimitError: slow", "2.5", Waiting("The provider limits the rate: litellm.RateLimitError: slow", 1002.5)),
        ("litellm.Odd: x", "9999", Waiting("The provider is overloaded: litellm.Odd: x", 4600.0, "overloaded")),
        ("litellm.BadRequestError: insufficient_quota", "2", Failure("quota", "litellm.BadRequestError: insufficient_quota")),
    ):
        reader: Reader = aider.reader(the_task(tmp_path))
        assert list(reader.read(words)) == [] and list(reader.read(f"Retrying in {seconds} seconds...")) == [expected]


def test_silence_is_no_success(tmp_path: Path) -> None:
    events = list(aider.reader(the_task(tmp_path)).end(0))
    assert [failure.code for failure in of_kind(Failure, events)] == ["crashed"]


def test_it_edits_the_files_of_the_spec(tmp_path: Path) -> None:
    spec = {"files_to_create": ["new.py", "/etc/passwd", "../out", 7], "files_to_modify": ["old.py", "gone.py"]}
    (tmp_path / "entry.json").write_text(json.dumps({"spec": spec}))
    task = the_task(tmp_path, args=["--edit-format", "diff"])
    (task.cwd / "old.py").touch()
    argv = aider.start(Task(**{**vars(task), "env": {"MUSTER_SPEC_FILE": str(tmp_path / "entry.json")}})).argv
    assert [argv[n + 1] for n, word in enumerate(argv) if word == "--file"] == ["new.py", "old.py"]
    assert argv[-4:] == ["--edit-format", "diff", "--message", "Do it"] and "--no-auto-commits" in argv


def test_its_own_files_are_not_committed(tmp_path: Path) -> None:
    task = the_task(tmp_path)
    aider.start(task)
    assert [path.relative_to(task.cwd).as_posix() for path in task.cwd.rglob("*") if path.is_file()] == [
        f"{aider.TAGS}/.gitignore"
    ]


def test_the_log_of_an_earlier_process_is_not_read_again(tmp_path: Path) -> None:
    events_of(tmp_path, "aider")
    task = the_task(tmp_path)
    aider.start(task)
    assert list(aider.reader(task).poll()) == []


def test_without_a_model_it_is_not_started(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"agent\.model"):
        aider.start(the_task(tmp_path, model=None))
