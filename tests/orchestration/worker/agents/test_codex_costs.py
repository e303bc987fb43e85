"""Codex reports a thread's running totals: each request is booked once, however often its files are read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.sessions.metering import Usage
from orchestration.worker.agents.codex.reader import Reader
from orchestration.worker.agents.codex.usage import Totals
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Started
from orchestration.worker.agents.shared.interface import Thread
from tests.orchestration.worker.agents.recorded import cost, lines, of_kind
from tests.sampling import examples

THREAD = "01a20f0d-9caf-79f3-8ea7-9531d21dbeb3"
ROLLOUT = lines("codex-two-rollout")
FIRST = 5  # its lines when the first round had ended
REQUEST = 3_625  # micro-USD of each of the four

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the first lines of the recorded rollout file, as Codex would."""

    def _write(count: int, *, partial_line: str = "", only: str = "") -> Path:
        folder = tmp_path / "sessions/2026/11/24"
        folder.mkdir(parents=True, exist_ok=True)
        kept = [line for line in ROLLOUT[:count] if not only or only in line or "turn_context" in line]
        (folder / f"rollout-2026-11-24T19-34-40-{THREAD}.jsonl").write_text("".join(f"{line}\n" for line in kept) + partial_line)
        return tmp_path / "sessions"

    return _write


def run(reader: Reader, name: str, exit_code: int | None = 0) -> list[Event]:
    return [*(event for line in lines(name) for event in reader.read(line)), *reader.poll(), *reader.end(exit_code)]


@pytest.mark.parametrize("only", ["", "token_count"], ids=["records", "an older version's counts"])
def test_two_rounds_cost_what_their_requests_cost(write: Write, only: str) -> None:
    first = Reader(None, write(FIRST, only=only), "gpt-5")
    assert cost(run(first, "codex-two-1")) == 2 * REQUEST
    second = Reader(first.thread, write(10, only=only), "gpt-5")
    assert cost(run(second, "codex-two-2")) == 2 * REQUEST, "the thread's total is not the round's"


def test_without_files_a_round_costs_the_difference_of_the_totals(tmp_path: Path) -> None:
    first = Reader(None, tmp_path, "gpt-5")
    assert cost(run(first, "codex-two-1")) == 2 * REQUEST
    assert cost(run(Reader(first.thread, tmp_path, "gpt-5"), "codex-two-2")) == 2 * REQUEST


def test_requests_are_reported_during_the_turn(write: Write) -> None:
    reader = Reader(None, write(1), "gpt-5")
    assert list(reader.poll()) == []
    write(3, partial_line=ROLLOUT[3][:50])
    (usage,) = of_kind(Usage, reader.poll())
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.model) == (2000, 1000, 100, "gpt-5")
    assert usage.of_thread and list(reader.poll()) == []
    write(5)
    assert cost(reader.poll()) == REQUEST


@given(before=st.integers(0, 10), line_counts=st.lists(st.integers(0, 10), max_size=5))
@settings(max_examples=examples(100))
def test_what_was_booked_before_a_worker_died_is_not_booked_again(
    tmp_path_factory: pytest.TempPathFactory, before: int, line_counts: list[int]
) -> None:
    """Read by the dead worker in pieces, by the reaper, and by the next session without an offset."""
    folder = tmp_path_factory.mktemp("home")
    path = folder / f"rollout-x-{THREAD}.jsonl"
    events: list[Event] = []
    dead = Reader(None, folder, "gpt-5")
    for count in sorted([*line_counts, before]):
        path.write_text("".join(f"{line}\n" for line in ROLLOUT[:count]))
        events += dead.poll()
    path.write_text("".join(f"{line}\n" for line in ROLLOUT))
    for reader in (Reader(None, folder, "gpt-5"), Reader(Thread(THREAD), folder, "gpt-5")):
        events += [*reader.poll(), *reader.end(None)]
    assert cost(events) == 4 * REQUEST


def test_the_next_turn_includes_a_killed_turns_unrecorded_request(write: Write) -> None:
    """The next total contains it."""
    killed = Reader(None, write(3), "gpt-5")
    first_events = [event for line in lines("codex-two-1")[:-1] for event in killed.read(line)]
    events = [*first_events, *killed.poll(), *killed.end(None)]
    assert cost(events) == REQUEST
    assert "At least this" in of_kind(Discrepancy, events)[0].message and of_kind(Failure, events) == []
    following = Reader(killed.thread, write(3), "gpt-5")
    assert cost(run(following, "codex-two-2")) == 3 * REQUEST


def test_a_subagents_thread_counts_without_its_copied_history(write: Write) -> None:
    sessions = write(FIRST)
    own = ROLLOUT[FIRST + 1].replace(THREAD, "2" * 36)  # a request that only the copy has
    (sessions / f"rollout-y-{'2' * 36}.jsonl").write_text("".join(f"{line}\n" for line in [*ROLLOUT[:FIRST], own]))
    assert cost(Reader(None, sessions, "gpt-5").poll()) == 3 * REQUEST


def test_totals_that_fall_are_shown(write: Write) -> None:
    reader = Reader(None, write(10), "gpt-5")
    events = run(reader, "codex-two-1")
    assert "Codex counts 6000 + 200 tokens in all, request by request 12000 + 400" in of_kind(Discrepancy, events)[0].message


def test_the_model_is_read_from_the_threads_file(write: Write, tmp_path: Path) -> None:
    assert {usage.model for usage in of_kind(Usage, Reader(None, write(5), "").poll())} == {"gpt-5"}
    unknown = of_kind(Usage, run(Reader(None, tmp_path / "none", ""), "codex-two-1"))
    assert [usage.model for usage in unknown] == [""], "without a name it has no price, and is flagged"


def test_another_thread_than_the_one_to_resume_begins_at_zero(tmp_path: Path) -> None:
    """Codex had never saved the old one."""
    old = Thread("0" * 36, {"input": 6000, "cached": 3000, "written": 0, "output": 200})
    events = run(Reader(old, tmp_path, "gpt-5"), "codex-two-1")
    assert cost(events) == 2 * REQUEST and of_kind(Discrepancy, events) == []


def test_two_threads_of_equal_totals_are_two_amounts(write: Write) -> None:
    """An older version's counts have no response ids."""
    sessions = write(FIRST, only="token_count")
    [path] = sessions.rglob("*.jsonl")
    (sessions / f"rollout-y-{'2' * 36}.jsonl").write_text(path.read_text())
    assert cost(Reader(None, sessions, "gpt-5").poll()) == 4 * REQUEST


def test_a_count_that_is_repeated_with_other_limits_is_one_request(write: Write) -> None:
    sessions = write(FIRST, only="token_count")
    [path] = sessions.rglob("*.jsonl")
    counts = [line for line in path.read_text().splitlines() if "token_count" in line]
    path.write_text("".join(f"{line}\n" for line in counts for _ in range(2)))
    assert len(list(Reader(None, sessions, "gpt-5").poll())) == len(counts) == 2


def test_each_thread_has_the_model_of_its_own_file(write: Write) -> None:
    """It is the one that answered, whatever was asked for; a subagent's may be another."""
    sessions = write(FIRST)
    lines_ = [line.replace('"gpt-5"', '"gpt-5-mini"').replace(THREAD, "0" * 36) for line in ROLLOUT[:FIRST]]
    (sessions / f"rollout-1-{'0' * 36}.jsonl").write_text("".join(f"{line}\n" for line in lines_))
    reader = Reader(None, sessions, "asked-for")
    used = list(reader.poll())
    assert sorted({usage.model for usage in used}) == ["gpt-5", "gpt-5-mini"]
    reported = f'{{"type": "thread.started", "thread_id": "{THREAD}"}}'
    assert [event.model for event in of_kind(Started, reader.read(reported))] == ["gpt-5"]


def test_cached_and_written_tokens_are_parts_of_the_input() -> None:
    usage = Totals(input=100, cached=30, written=20, output=7).usage("x" * 200, "gpt-5")
    assert usage == Usage("x" * 120, None, "gpt-5", 50, 7, 30, 20, of_thread=True)
    assert Totals(input=10, cached=30).usage("x", "").input_tokens == 0
