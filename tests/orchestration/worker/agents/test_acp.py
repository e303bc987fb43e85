"""ACP: our client with a tiny scripted agent of the same protocol, and the reader of its lines."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestration.configuration import Agent
from orchestration.sessions import metering
from orchestration.worker.agents import acp
from orchestration.worker.agents.acp import client
from orchestration.worker.agents.acp.reader import Reader
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Text, ToolUse, Usage, Waiting
from orchestration.worker.agents.shared.interface import Task, Thread
from tests.orchestration.worker.agents.recorded import a_task, of_kind

TINY = Path(__file__).with_name("acp_agent.py")
MODEL = "claude-sonnet-4-5"
WORK = [["text", "I write."], ["tool", "write ok", "completed"], ["text", "Done."]]
TOKENS = {"total_tokens": 12_100, "input_tokens": 2000, "output_tokens": 100, "cached_read_tokens": 10_000}


@dataclass(frozen=True)
class Played:
    events: list[Event]
    thread: Thread | None
    lines: list[str]
    asked: list[list[Any]]

    def of(self, kind: type[Any]) -> list[Any]:
        return of_kind(kind, self.events)

    @property
    def failures(self) -> list[str]:
        return [failure.code for failure in self.of(Failure)]

    @property
    def costs(self) -> list[int | None]:
        return [used.cost if used.cost is not None else metering.price(used) for used in self.of(Usage)]


Play = Callable[..., Played]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Play:
    """`play(turns, ...)`: one process of our client, with the tiny agent behind it."""

    def run(*turns: list[Any], thread: Thread | None = None, agent: dict[str, Any] | None = None, **script: Any) -> Played:
        task = the_task(tmp_path, thread, **(agent or {}))
        monkeypatch.setenv("HOME", str(task.home))
        (tmp_path / "script.json").write_text(json.dumps({"turns": turns, **script}))
        (task.home / "asked.jsonl").write_text("")
        launch = acp.resume(task) if thread else acp.start(task)
        capsys.readouterr()
        exit_code = asyncio.run(client.run(json.loads(launch.argv[-1]), asyncio.Event()))
        lines = capsys.readouterr().out.splitlines()
        reader = acp.reader(task)
        events = [*read(reader, lines), *reader.end(exit_code)]
        asked = [json.loads(line) for line in (task.home / "asked.jsonl").read_text().splitlines()]
        return Played(events, reader.thread, lines, asked)

    return run


def the_task(folder: Path, thread: Thread | None = None, **agent: Any) -> Task:
    command = [sys.executable, str(TINY), str(folder / "script.json")]
    return a_task(folder, thread=thread, **{"kind": "acp", "command": command, **agent})


def read(reader: Reader, lines: list[str]) -> list[Event]:
    return [event for line in lines for event in reader.read(line)]


def line(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def started(**more: Any) -> list[str]:
    """The lines of a process that begins."""
    record = {"process": "p1", "session": "s1", "can_go_on": True, "model": f"anthropic/{MODEL}"}
    return [line("started", **(record | more)), line("prompted")]


# The client, with an agent.


def test_a_turn_is_text_tools_and_the_cost_that_the_agent_reports(play: Play) -> None:
    played = play([*WORK, ["cost", 0.036]])
    assert played.costs == [36_000] and not played.failures
    assert [event.text for event in played.of(Text)] == ["I write.", "Done."]
    assert played.of(ToolUse) == [ToolUse("edit", '{"path": "ok"}', "written")]
    assert played.of(Finished) == [Finished(True, "Done.")]
    assert ["prompt", "Do it"] in played.asked


def test_the_next_process_goes_on_with_the_conversation_and_counts_only_what_is_new(play: Play) -> None:
    turns = [[*WORK, ["cost", 0.036]], [["text", "More."], ["cost", 0.05]]]
    again = play(*turns, thread=play(*turns).thread)
    assert again.asked[0] == ["load", "ses_0"] and again.costs == [14_000]
    assert [event.text for event in again.of(Text)] == ["More."], "what it replays is no progress"


def test_an_agent_that_cannot_load_begins_anew_each_time(play: Play) -> None:
    played = play(WORK, loads=False)
    assert played.thread is None


def test_a_conversation_that_is_gone_has_a_name(play: Play, tmp_path: Path) -> None:
    gone = Thread("ses_9", {"cwd": str(tmp_path / "work")})
    assert play(WORK, thread=gone).failures == ["thread_lost"]


def test_a_conversation_whose_last_turn_was_cut_off_is_not_resumed(play: Play, tmp_path: Path) -> None:
    """Its turn was charged whole: the agent's next total would have it again."""
    cut = Thread("ses_0", {"cwd": str(tmp_path / "work"), "open": True})
    played = play(WORK, thread=cut)
    assert played.failures == ["thread_lost"] and not played.asked and not played.costs


@pytest.mark.parametrize(("answer", "option"), [({}, "once"), ({"permissions": "deny"}, "no")])
def test_permissions_are_answered_by_the_config(play: Play, answer: dict[str, str], option: str) -> None:
    played = play([["ask", "rm -r build"], ["text", "Done."]], agent={"settings": answer})
    assert ["answer", option] in played.asked
    assert played.failures == (["permission_denied"] if answer else [])


def test_the_config_chooses_mode_options_and_model(play: Play) -> None:
    settings = {"mode": "code", "options": {"effort": "high"}, "auth_method": "key"}
    played = play([*WORK, ["tokens", TOKENS]], models=["small", MODEL], agent={"model": MODEL, "settings": settings})
    assert played.asked[:5] == [
        ["authenticate", "key"],
        ["new", played.asked[1][1]],
        ["mode", "code"],
        ["option", "effort", "high"],
        ["option", "model", MODEL],
    ]
    assert played.costs == [10_500]


@pytest.mark.parametrize(
    ("script", "agent", "code"),
    [
        ({"models": ["small"]}, {"model": "big"}, "unknown_model"),
        ({"needs_login": True}, {}, "auth"),
        ({"auth": "key"}, {"settings": {"auth_method": "other"}}, "auth"),
        ({}, {"command": ["/nowhere/agent"]}, "cli_missing"),
        ({}, {"command": ["true"]}, "cli_refused"),
    ],
)
def test_an_agent_that_cannot_start_has_a_name(play: Play, script: dict[str, Any], agent: dict[str, Any], code: str) -> None:
    assert play(WORK, agent=agent, **script).failures == [code]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Internal error: invalid x-api-key", "auth"),
        ("429 Too Many Requests", "rate_limited"),
        ("Overloaded", "overloaded"),
        ("prompt is too long: 210000 tokens", "context_full"),
        ("surprise", "crashed"),
    ],
)
def test_an_error_of_the_provider_has_a_name_and_costs_nothing(play: Play, words: str, code: str) -> None:
    played = play([["error", -32603, words]])
    assert played.failures == [code] and not played.costs
    assert played.thread and not played.thread.totals["open"], "the conversation goes on later"


def test_an_agent_that_dies_in_a_turn_crashed_and_its_cost_is_unknown(play: Play) -> None:
    played = play([*WORK, ["die", 3]])
    assert played.failures == ["crashed"] and played.costs == [None]
    assert played.thread and played.thread.totals["open"]


@pytest.mark.parametrize("ignores", [False, True])
def test_a_stop_cancels_the_turn_and_ends_the_agent(tmp_path: Path, ignores: bool) -> None:
    (tmp_path / "script.json").write_text(json.dumps({"turns": [[*WORK, ["cost", 0.02], ["hang"]]], "ignores_cancel": ignores}))
    task = the_task(tmp_path)
    process = subprocess.Popen(acp.start(task).argv, env={"HOME": str(task.home)}, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    lines = []
    for each in process.stdout:
        lines.append(each)
        if '"cost"' in each:
            process.send_signal(signal.SIGTERM)
    reader = acp.reader(task)
    events = [*read(reader, lines), *reader.end(process.wait())]
    assert process.returncode == client.CANCELLED
    assert [used.cost for used in of_kind(Usage, events)] == [20_000]
    assert len(of_kind(Discrepancy, events)) == 1, "a request may be missing in its report"
    assert reader.thread and reader.thread.totals["open"] is ignores


# The reader, with lines.


def test_a_turn_that_reports_nothing_costs_the_whole_reservation(tmp_path: Path) -> None:
    reader = Reader(the_task(tmp_path))
    events = read(
        reader, [*started(), line("text", text="Done."), line("result", ok=True, summary="Done.", stop_reason="end_turn")]
    )
    (used,) = of_kind(Usage, events)
    assert not metering.is_priced(used)


def test_a_cost_of_zero_is_not_free(tmp_path: Path) -> None:
    lines = [*started(), line("cost", total=0.0, currency="USD"), line("result", ok=True, stop_reason="end_turn", usage=TOKENS)]
    (used,) = of_kind(Usage, read(Reader(the_task(tmp_path)), lines))
    assert not metering.is_priced(used), "tokens beside a cost may be those of the last request alone"


def test_another_currency_is_unknown(tmp_path: Path) -> None:
    lines = [*started(), line("cost", total=1.5, currency="EUR"), line("result", ok=True, stop_reason="end_turn")]
    (used,) = of_kind(Usage, read(Reader(the_task(tmp_path)), lines))
    assert not metering.is_priced(used)


def test_gemini_clis_own_tokens_are_priced_by_model(tmp_path: Path) -> None:
    quota = {"quota": {"model_usage": [{"model": MODEL, "token_count": {"input_tokens": 2000, "output_tokens": 100}}]}}
    lines = [*started(), line("result", ok=True, stop_reason="end_turn", meta=quota)]
    (used,) = of_kind(Usage, read(Reader(the_task(tmp_path)), lines))
    assert (metering.price(used), used.model) == (7500, MODEL)


def test_the_lines_of_a_dead_workers_process_are_booked_once(tmp_path: Path) -> None:
    """The reaper reads them with the totals that the worker had kept by then."""
    task, lines = (
        the_task(tmp_path),
        [*started(), line("cost", total=0.01, currency="USD"), line("cost", total=0.03, currency="USD")],
    )
    reader = Reader(task)
    first = of_kind(Usage, read(reader, lines))
    again = of_kind(Usage, read(Reader(replace(task, thread=reader.thread)), lines))
    assert [(used.id, used.cost) for used in again] == [(used.id, used.cost) for used in first]
    assert [used.cost for used in first] == [10_000, 20_000]


def test_what_a_cancelled_turn_has_not_reported_is_in_the_next_total(tmp_path: Path) -> None:
    lines = [*started(), line("text", text="x"), line("cost", total=0.0, currency="USD"), line("result", stop_reason="cancelled")]
    reader = Reader(the_task(tmp_path))
    events = read(reader, lines)
    assert not of_kind(Usage, events) and len(of_kind(Discrepancy, events)) == 1
    again = Reader(the_task(tmp_path, reader.thread))
    assert not again.is_cut_off
    after = read(again, [*started(process="p2"), line("cost", total=0.03, currency="USD")])
    assert [used.cost for used in of_kind(Usage, after)] == [30_000]


def test_a_total_that_has_fallen_counts_from_zero(tmp_path: Path) -> None:
    thread = Thread("s1", {"cwd": str(tmp_path / "work"), "process": "p0", "cost": "0.5"})
    reader = Reader(the_task(tmp_path, thread))
    lines = [*started(), line("cost", total=0.02, currency="USD"), line("result", ok=True, stop_reason="end_turn")]
    assert [used.cost for used in of_kind(Usage, read(reader, lines))] == [20_000]


def test_an_error_on_stderr_is_a_wait_while_the_agent_works(tmp_path: Path) -> None:
    reader = Reader(the_task(tmp_path))
    words = 'level=ERROR message="stream error" error.error="AI_APICallError: rate limited"'
    assert not list(reader.read(words, is_error=True))
    read(reader, started())
    assert [event.code for event in of_kind(Waiting, reader.read(words, is_error=True))] == ["rate_limited"]


@pytest.mark.parametrize(("reason", "code"), [("max_turn_requests", "turns_exhausted"), ("refusal", "bad_request")])
def test_a_stop_reason_has_a_name(tmp_path: Path, reason: str, code: str) -> None:
    events = read(Reader(the_task(tmp_path)), [*started(), line("result", ok=False, stop_reason=reason)])
    assert [failure.code for failure in of_kind(Failure, events)] == [code]


def test_the_config_refuses_what_acp_does_not_know() -> None:
    with pytest.raises(ValidationError, match="needs a command"):
        Agent(kind="acp")
    with pytest.raises(ValidationError, match=r"settings\.permissions"):
        Agent(kind="acp", command="x", settings={"permissions": "maybe"})
