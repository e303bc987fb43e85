"""mini-swe-agent: its trajectory is read again after each step, and each message counts once."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestration.worker.agents import mini_swe_agent
from orchestration.worker.agents.shared.events import Event, Failure, Finished, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Task
from tests.orchestration.worker.agents.recorded import TRANSCRIPTS, a_task, cost, of_kind

RECORDED = json.loads((TRANSCRIPTS / "mini.json").read_text())


def the_task(folder: Path, **agent: object) -> Task:
    return a_task(folder, **{"kind": "mini_swe_agent", "model": "openai/gpt-5", **agent})


def write(task: Task, trajectory: Any) -> None:
    (task.home / "trajectory.json").write_text(json.dumps(trajectory))


def ended(folder: Path, status: str, content: str = "", *, spent: float = 0.1, limit: float = 3.0) -> list[Event]:
    task = the_task(folder)
    info = {"exit_status": status, "model_stats": {"instance_cost": spent}, "config": {"agent": {"cost_limit": limit}}}
    write(task, {"info": info, "messages": [{"role": "exit", "content": content}]})
    return list(mini_swe_agent.reader(task).end(1))


def test_a_growing_trajectory_is_counted_once_and_costs_what_the_provider_counted(tmp_path: Path) -> None:
    task = the_task(tmp_path)
    reader = mini_swe_agent.reader(task)
    events: list[Event] = []
    messages = RECORDED["messages"]
    for end in range(1, len(messages) + 1):
        info = RECORDED["info"] if end == len(messages) else {"exit_status": ""}
        write(task, {"info": info, "messages": messages[:end]})
        events += [*reader.poll(), *reader.poll()]
    events += reader.end(0)
    assert cost(events) == 4_975 and len(of_kind(Usage, events)) == 2
    assert [(used.input_tokens, used.cache_read_tokens) for used in of_kind(Usage, events)] == [(2000, 0), (500, 2000)]
    assert of_kind(Finished, events) == [Finished(True, "hello from the stub")]


def test_an_incomplete_trajectory_is_read_again(tmp_path: Path) -> None:
    task = the_task(tmp_path)
    reader = mini_swe_agent.reader(task)
    whole = json.dumps(RECORDED)
    (task.home / "trajectory.json").write_text(whole[: len(whole) // 2])
    assert list(reader.poll()) == []
    (task.home / "trajectory.json").write_text(whole)
    assert cost(reader.poll()) == 4_975


def test_an_unusable_answer_costs_too(tmp_path: Path) -> None:
    task = the_task(tmp_path)
    usage = {"prompt_tokens": 1000, "completion_tokens": 10}
    write(task, {"messages": [{"role": "user", "content": "no", "extra": {"cost": 0.002, "response": {"usage": usage}}}]})
    assert cost(mini_swe_agent.reader(task).poll()) == 2_000


def test_a_cost_of_zero_is_unknown(tmp_path: Path) -> None:
    task = the_task(tmp_path, model="openai/no-such-model-9")
    usage = {"prompt_tokens": 1000, "completion_tokens": 10}
    write(task, {"messages": [{"role": "assistant", "content": "x", "extra": {"cost": 0.0, "response": {"usage": usage}}}]})
    assert [(used.cost, used.model) for used in of_kind(Usage, mini_swe_agent.reader(task).poll())] == [(None, "no-such-model-9")]


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        ("AuthenticationError", "litellm.AuthenticationError: Incorrect API key provided", "auth"),
        ("NotFoundError", "litellm.NotFoundError: The model `x` does not exist", "unknown_model"),
        ("ContextWindowExceededError", "litellm.ContextWindowExceededError", "context_full"),
        ("RateLimitError", "litellm.RateLimitError", "rate_limited"),
        ("InternalServerError", "litellm.InternalServerError", "overloaded"),
        ("RepeatedFormatError", "RepeatedFormatError", "crashed"),
        ("TimeExceeded", "TimeExceeded", "turns_exhausted"),
    ],
)
def test_each_exit_status_has_a_failure_code(tmp_path: Path, status: str, content: str, code: str) -> None:
    assert [failure.code for failure in of_kind(Failure, ended(tmp_path, status, content))] == [code]


def test_limits_exceeded_means_money_or_steps(tmp_path: Path) -> None:
    for spent in (3.0, 3.1):
        assert ended(tmp_path, "LimitsExceeded", "no", spent=spent) == [Finished(False, "no", out_of_money=True)]
    for spent, limit in ((2.9, 3.0), (2.9, 0.0)):
        assert ended(tmp_path, "LimitsExceeded", "no", spent=spent, limit=limit) == [Failure("turns_exhausted", "no")]


def test_a_stop_is_no_failure(tmp_path: Path) -> None:
    assert ended(tmp_path, "KeyboardInterrupt") == ended(tmp_path, "UserInterruption") == []


def test_an_end_without_a_trajectory_is_a_crash_unless_it_was_killed(tmp_path: Path) -> None:
    assert list(mini_swe_agent.reader(the_task(tmp_path)).end(0)) == [Failure("crashed", "it ended with 0 and no message")]
    assert list(mini_swe_agent.reader(the_task(tmp_path)).end(None)) == []


def test_each_message_is_named_by_its_place_and_time_and_has_its_own_model(tmp_path: Path) -> None:
    """Each round has a trajectory of its own, so places alone would be the same in two. The end is said once, however often it is written."""
    task = the_task(tmp_path)
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    extras = [{"timestamp": 1.5, "model": "helper-1", "usage": usage}, {}, {"timestamp": 2.5, "cost": 0.1}]
    messages = [{"role": "assistant", "content": f" {n} ", "extra": extra} for n, extra in enumerate(extras)]
    info = {"exit_status": "Submitted", "submission": " Done "}
    reader = mini_swe_agent.reader(task)
    events: list[Event] = []
    for length in (3, 2, 4):
        write(task, {"info": info, "messages": [*messages, {"role": "exit"}][:length]})
        events += reader.poll()
    assert [(used.id, used.model, used.cost, used.input_tokens) for used in of_kind(Usage, events)] == [
        ("message:0:1.5", "helper-1", None, 10),
        ("message:2:2.5", "gpt-5", 100_000, 0),
    ]
    assert of_kind(Text, events) == [Text("0"), Text("1"), Text("2")] and of_kind(Finished, events) == [Finished(True, "Done")]


def test_its_attempts_are_waits(tmp_path: Path) -> None:
    line = "Retrying <unknown> in 8 seconds as it raised RateLimitError: litellm.RateLimitError: slow down."
    waits = of_kind(Waiting, mini_swe_agent.reader(the_task(tmp_path)).read(line, is_error=True))
    assert [(wait.code, wait.until is not None) for wait in waits] == [("rate_limited", True)]


def test_a_retry_ends_within_an_hour_and_a_failure_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    reader = mini_swe_agent.reader(the_task(tmp_path))
    start = "Retrying <unknown> in"
    assert list(reader.read(f"{start} 9999 seconds as it raised odd words")) == [
        Waiting("The provider is overloaded: odd words", 4600.0, "overloaded")
    ]
    refused = f"{start} 8 seconds as it raised AuthenticationError: unauthorized"
    assert list(reader.read(refused)) == [Failure("auth", "AuthenticationError: unauthorized")]
    assert list(reader.read(refused)) == list(reader.end(1)) == []


def test_it_is_started_with_its_limit_and_the_workspaces_settings(tmp_path: Path) -> None:
    launch = mini_swe_agent.start(the_task(tmp_path, settings={"agent": {"step_limit": 9}}))
    assert launch.argv[launch.argv.index("-l") + 1] == "0.250000" and launch.argv[-2:] == ["-t", "Do it"]
    assert json.loads((tmp_path / "home/settings.yaml").read_text()) == {"agent": {"step_limit": 9}}
    with pytest.raises(ValueError, match=r"agent\.model"):
        mini_swe_agent.start(the_task(tmp_path, model=None))
