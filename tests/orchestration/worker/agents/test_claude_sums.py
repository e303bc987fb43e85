"""Claude Code's sum of a resumed conversation: older versions count each process from zero, newer ones go on from the sum that they saved."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.sessions.metering import Usage
from orchestration.worker.agents import claude_code
from orchestration.worker.agents.claude_code import sums
from orchestration.worker.agents.claude_code.sums import NOTHING, Sum
from orchestration.worker.agents.shared.events import Discrepancy
from orchestration.worker.agents.shared.interface import Thread
from tests.orchestration.worker.agents.claude_rows import began_with, init, read_all, request, result
from tests.orchestration.worker.agents.recorded import TRANSCRIPTS, a_task, cost, objects, of_kind

CONVERSATION = "a52e8ba9-f605-4e34-a833-6fa7a12df98b"
"""Recorded with 2.1.332: two processes with another maker's model, then one with Anthropic's."""
SAVED = Sum(Decimal(0), {"glm-9": (8000, 400, 20_000 * 2, 1600)})
OLD = "d98dca86-2349-4985-b24f-b61392879099"


def keep_conversation(home: Path, *more: str) -> Path:
    folder = home / ".claude/projects/-repo"
    folder.mkdir(parents=True)
    path = Path(shutil.copy(TRANSCRIPTS / "claude-conversation.jsonl", folder / f"{CONVERSATION}.jsonl"))
    path.write_text("\n".join([*path.read_text().splitlines(), *more]) + "\n")
    return path


def test_a_resumed_process_costs_what_its_provider_counted() -> None:
    name, attributes = sums.as_record(CONVERSATION, SAVED)
    events = read_all([{"otlp": name, "attributes": attributes}, *objects("claude-resumed")])
    assert cost(events) == 24_000 and of_kind(Discrepancy, events) == []
    assert len(of_kind(Usage, events)) == 2


def test_an_older_version_counts_a_resumed_process_from_zero() -> None:
    for before in (0.0, 0.024):  # nothing saved; or saved by a newer version that was then taken back
        assert cost(read_all([began_with(OLD, before), *objects("claude-resumed-2.1.197")])) == 24_000


@pytest.mark.parametrize("name", ["claude-resumed", "claude-resumed-2.1.197"])
def test_a_request_that_only_the_sum_of_a_resumed_process_has_is_added(name: str) -> None:
    """Telemetry lacks the last record, and the stream the last answer, as of a subagent."""
    known = sums.as_record(CONVERSATION, SAVED)
    rows = [row for row in objects(name) if "otlp" not in row]
    last = max(n for n, row in enumerate(rows) if row["stdout"].get("event", {}).get("type") == "message_start")
    rows = [*rows[:last], rows[-1]]
    events = read_all([{"otlp": known[0], "attributes": known[1]}, *rows])
    assert cost(events) == 24_000 and [usage.id[:10] for usage in of_kind(Usage, events)][1:] == ["reconciled"]


def test_the_last_saved_sum_of_the_conversation_is_what_a_process_begins_with(tmp_path: Path) -> None:
    task = a_task(tmp_path, thread=Thread(CONVERSATION, {"cwd": str(tmp_path / "work")}))
    path = keep_conversation(
        task.home, '{"type":"cost-state","totalCostUSD":null}', '{"type":"cost-state","tot', '{"type":"user"}'
    )
    [(name, attributes)] = claude_code.resume(task).records
    assert (name, attributes["conversation"]) == (sums.RECORD, CONVERSATION)
    assert sums.from_record(json.loads(json.dumps(attributes))) == SAVED
    path.unlink()
    path.symlink_to(TRANSCRIPTS / "claude-conversation.jsonl")
    assert sums.find_saved(task.home, CONVERSATION) == NOTHING, "a link leads nowhere"


def test_a_conversation_that_begins_has_no_sum(tmp_path: Path) -> None:
    launch = claude_code.start(a_task(tmp_path))
    [(_, attributes)] = launch.records
    assert sums.from_record(attributes) == NOTHING


def test_a_process_that_begins_another_conversation_counts_from_zero() -> None:
    rows = [began_with("c1", 0.008), init(conversation="c2"), request("r1"), result(total_cost_usd=0.01)]
    assert of_kind(Discrepancy, read_all(rows)) == []


def test_only_the_first_record_counts() -> None:
    """The launch's own: others come from the process itself."""
    rows = [began_with("c1", 0.03), init(), began_with("c1", 0.05), request("r1"), result(total_cost_usd=0.06)]
    assert [usage.cost for usage in of_kind(Usage, read_all(rows))] == [10_000, 20_000]


def test_a_sum_below_the_saved_one_did_not_go_on_from_it() -> None:
    rows = [began_with("c1", 0.03), init(), request("r1"), result(total_cost_usd=0.0125)]
    assert [usage.cost for usage in of_kind(Usage, read_all(rows))] == [10_000, 2_500]
    used = {"glm-9": {"inputTokens": 1500, "costUSD": 0.01}}
    rows = [
        began_with("c1", 0.0, glm_9=(2000, 0, 0, 0)),
        init(),
        request("r1", "glm-9"),
        result(total_cost_usd=0.01, modelUsage=used),
    ]
    assert [usage.input_tokens for usage in of_kind(Usage, read_all(rows))] == [1000, 500]


def test_tokens_of_other_models_count_from_the_saved_ones() -> None:
    used = {"glm-9": {"inputTokens": 3500, "outputTokens": 300, "costUSD": 0.02}, "claude-sonnet-4-5": {"costUSD": 0.01}}
    rows = [
        began_with("c1", 0.01, glm_9=(2000, 200, 0, 0)),
        init(),
        request("r1", "glm-9"),
        result(total_cost_usd=0.03, modelUsage=used),
    ]
    extra = of_kind(Usage, read_all(rows))[1:]
    assert [(usage.model, usage.input_tokens, usage.output_tokens) for usage in extra] == [("glm-9", 500, 0)]


def test_the_answer_with_the_cost_of_no_request_is_what_was_saved() -> None:
    """It failed at its first request."""
    events = read_all([began_with("c1", 0.03), init(), result(total_cost_usd=0.03)])
    assert of_kind(Usage, events) == of_kind(Discrepancy, events) == []


@pytest.mark.parametrize(
    ("version", "continues"),
    [
        ("2.1.197", False),
        ("2.1.276", False),
        ("2.1.277", True),
        ("2.1.332-beta.1", True),
        ("2.2.0", True),
        ("10.0.0", True),
        ("", True),
    ],
)
def test_versions_that_go_on_from_the_saved_sum(version: str, continues: bool) -> None:
    assert sums.continues(version) is continues
