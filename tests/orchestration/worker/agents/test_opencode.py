"""opencode: events and database report the same cost, which counts once; its failures have codes."""

import json
import sqlite3
from pathlib import Path

import pytest

from orchestration.worker.agents import opencode
from orchestration.worker.agents.opencode.reader import Reader
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Started, Usage, Waiting
from orchestration.worker.agents.shared.interface import Task, Thread
from tests.orchestration.worker.agents.recorded import TRANSCRIPTS, a_task, cost, lines, objects, of_kind

PRICED = {"provider": {"stub": {"models": {"gpt-5": {"cost": {"input": 1, "output": 8}}}}}}


def a_reader(folder: Path, *, thread: Thread | None = None, **agent: object) -> Reader:
    return opencode.reader(the_task(folder, thread=thread, **agent))


def the_task(folder: Path, *, thread: Thread | None = None, **agent: object) -> Task:
    return a_task(folder, thread=thread, **{"kind": "opencode", "model": "stub/gpt-5", **agent})


def stored(folder: Path, name: str = "opencode-subagent-store", *, until: int = 10**9) -> None:
    """Write opencode's recorded database, up to a row."""
    path = folder / "home/.local/share/opencode/opencode.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE message (id TEXT PRIMARY KEY, data TEXT)")
    database.execute("CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, data TEXT)")
    for row in objects(name):
        if row["rowid"] <= until:
            database.execute("INSERT OR IGNORE INTO message VALUES (?, ?)", [row["message_id"], json.dumps(row["message"])])
            part = json.dumps(row["part"], separators=(",", ":"))
            database.execute(
                "INSERT INTO part (rowid, id, message_id, data) VALUES (?, ?, ?, ?)",
                [row["rowid"], row["id"], row["message_id"], part],
            )
    database.commit()
    database.close()


def events_of(reader: Reader, name: str, exit_code: int | None = 0) -> list[Event]:
    return [*(event for line in lines(name) for event in reader.read(line)), *reader.end(exit_code)]


def stderr(reader: Reader, name: str) -> list[Event]:
    words = (TRANSCRIPTS / f"{name}.txt").read_text().splitlines()
    return [event for line in words for event in reader.read(line, is_error=True)]


# Money.


def test_each_step_costs_what_the_provider_counted(tmp_path: Path) -> None:
    events = events_of(a_reader(tmp_path), "opencode")
    assert cost(events) == 16_000 + 2_850 + 2_188, "half a micro-dollar is rounded up"
    assert [used.cache_read_tokens for used in of_kind(Usage, events)] == [0, 10_000, 10_300]


def test_subagents_count_although_their_usage_is_not_printed(tmp_path: Path) -> None:
    assert cost(events_of(a_reader(tmp_path), "opencode-subagent")) == 4_500
    stored(tmp_path)
    events = events_of(a_reader(tmp_path), "opencode-subagent")
    assert cost(events) == 9_000 and len(of_kind(Usage, events)) == 4, "none of them twice"
    assert {used.model for used in of_kind(Usage, events)} == {"gpt-5"}


def test_a_resumed_conversation_does_not_count_its_past_again(tmp_path: Path) -> None:
    stored(tmp_path, until=9)
    first = a_reader(tmp_path)
    assert cost(first.poll()) == 2_250
    assert first.thread is None, "its id is not known yet"
    stored(tmp_path)
    later = a_reader(tmp_path, thread=Thread("ses_x", {"cwd": str(tmp_path / "work"), "row": 9}))
    assert cost(later.poll()) == 6_750 and list(later.poll()) == []


def test_a_request_whose_tools_were_killed_is_named(tmp_path: Path) -> None:
    stored(tmp_path, until=12)
    events = list(a_reader(tmp_path).end(None))
    assert cost(events) == 4_500 and "1 requests" in of_kind(Discrepancy, events)[0].message


def test_a_request_whose_tools_were_killed_is_named_though_a_later_one_ended(tmp_path: Path) -> None:
    stored(tmp_path, until=12)
    database = sqlite3.connect(tmp_path / "home/.local/share/opencode/opencode.db")
    for rowid, message, kind in (
        (90, "m_past", "tool"),
        (101, "m_open", "tool"),
        (102, "m_open", "tool"),
        (103, "m_done", "tool"),
    ):
        database.execute(
            "INSERT INTO part (rowid, id, message_id, data) VALUES (?, ?, ?, ?)",
            [rowid, f"p{rowid}", message, json.dumps({"type": kind})],
        )
    step = json.dumps({"type": "step-finish", "cost": 0.001}, separators=(",", ":"))
    database.execute("INSERT OR IGNORE INTO message VALUES ('m_done', ?)", [json.dumps({"modelID": "helper-1"})])
    database.execute("INSERT INTO part (rowid, id, message_id, data) VALUES (104, 'p104', 'm_done', ?)", [step])
    database.commit()
    database.close()
    reader = a_reader(tmp_path, thread=Thread("ses_x", {"cwd": str(tmp_path / "work"), "row": 100}))
    assert of_kind(Usage, reader.poll()) == [Usage("p104", 1_000, "helper-1", of_thread=True)], "its own model's price"
    assert [each.message.split()[0] for each in of_kind(Discrepancy, reader.end(None))] == ["1"]


def test_a_database_that_is_busy_is_read_at_the_next_poll(tmp_path: Path) -> None:
    stored(tmp_path)
    reader = a_reader(tmp_path)
    writer = sqlite3.connect(tmp_path / "home/.local/share/opencode/opencode.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert list(reader.poll()) == []
    writer.execute("ROLLBACK")
    writer.close()
    assert cost(reader.poll()) == 9_000


@pytest.mark.parametrize(
    ("model", "prices", "expected"),
    [
        ("maker/m", {"input": 0, "output": 0, "cache_read": 0}, 0),
        ("maker/m", {"input": 0, "output": 8}, None),
        ("maker/m", {"output": 0}, None),
        ("maker/family/m", {"input": 0, "output": 0}, 0),
        (None, {"input": 0, "output": 0}, 0),
    ],
)
def test_a_request_is_free_where_all_prices_of_its_model_are_0(
    tmp_path: Path, model: str | None, prices: dict[str, int], expected: int | None
) -> None:
    route = model or "maker/m"
    settings = {
        "model": "other/x" if model else route,
        "provider": {"maker": {"models": {route.partition("/")[2]: {"cost": prices}}}},
    }
    line = json.dumps({"type": "step_finish", "sessionID": "s", "part": {"id": "1", "cost": 0, "tokens": {"input": 1}}})
    [used] = of_kind(Usage, a_reader(tmp_path, model=model, settings=settings).read(line))
    assert (used.cost, used.model) == (expected, "m")


def test_a_cost_of_zero_is_unknown_unless_the_config_sets_it(tmp_path: Path) -> None:
    part = {"id": "prt_1", "tokens": {"input": 1000, "output": 100, "reasoning": 50}, "cost": 0}
    line = json.dumps({"type": "step_finish", "sessionID": "s", "part": part})
    free = {"provider": {"stub": {"models": {"gpt-5": {"cost": {"input": 0, "output": 0}}}}}}
    for settings, expected in (({}, None), (PRICED, None), (free, 0)):
        used = of_kind(Usage, a_reader(tmp_path, settings=settings).read(line))[0]
        assert used.cost == expected and (used.input_tokens, used.output_tokens) == (1000, 150)
    assert cost(of_kind(Usage, a_reader(tmp_path).read(line))) == 2_750, "then Muster's prices decide"


# Progress and failures.


def test_it_reports_its_conversation_and_its_last_answer(tmp_path: Path) -> None:
    reader = a_reader(tmp_path)
    events = events_of(reader, "opencode-round-one")
    assert of_kind(Started, events) == [Started("ses_df2229865ffee87HwcuRmyFqMn", "gpt-5")]
    assert of_kind(Finished, events) == [Finished(True, "Round one done.")]
    assert reader.thread == Thread("ses_df2229865ffee87HwcuRmyFqMn", {"cwd": str(tmp_path / "work"), "row": 0})


def test_a_refused_key_has_a_name(tmp_path: Path) -> None:
    assert [failure.code for failure in of_kind(Failure, events_of(a_reader(tmp_path), "opencode-error-401", 1))] == ["auth"]


def test_its_silent_waits_are_in_its_log(tmp_path: Path) -> None:
    waits = of_kind(Waiting, stderr(a_reader(tmp_path), "opencode-error-429-stderr"))
    assert waits and {wait.code for wait in waits} == {"rate_limited"}


def test_an_unknown_model_is_named_once_and_at_once(tmp_path: Path) -> None:
    failures = of_kind(Failure, stderr(a_reader(tmp_path), "opencode-unknown-model-stderr"))
    assert [failure.code for failure in failures] == ["unknown_model"]


def test_a_provider_without_a_key_proposes_the_very_same_model(tmp_path: Path) -> None:
    line = (
        'x error="ProviderModelNotFoundError: Model not found: anthropic/claude-x-4.5. Did you mean: claude-x-4.5, claude-x?" y'
    )
    assert [failure.code for failure in of_kind(Failure, a_reader(tmp_path).read(line, is_error=True))] == ["auth"]


def test_a_shortened_conversation_is_no_failure(tmp_path: Path) -> None:
    full = json.dumps(
        {"type": "error", "sessionID": "s", "error": {"name": "ContextOverflowError", "data": {"message": "too long"}}}
    )
    reader = a_reader(tmp_path)
    assert of_kind(Failure, [*reader.read(full), *reader.end(0)]) == []
    reader = a_reader(tmp_path)
    assert [failure.code for failure in of_kind(Failure, [*reader.read(full), *reader.end(1)])] == ["context_full"]


def an_event(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, "sessionID": "s", **fields})


def overflow() -> str:
    return an_event("error", error={"name": "ContextOverflowError", "data": {"message": "too long"}})


def a_tool(name: str, **state: object) -> str:
    return an_event("tool_use", part={"tool": name, "state": state})


def test_a_conversation_that_stays_too_long_is_given_up(tmp_path: Path) -> None:
    reader = a_reader(tmp_path)
    lines_ = [overflow(), overflow(), a_tool("read", status="completed"), overflow(), overflow()]
    assert of_kind(Failure, [event for line in lines_ for event in reader.read(line)]) == [], "it went on in between"
    assert of_kind(Failure, reader.read(overflow())) == [Failure("context_full", "too long")]


def test_unknown_words_in_its_log_are_a_wait_once_it_has_retried(tmp_path: Path) -> None:
    reader = a_reader(tmp_path)
    line = 'x message="stream error" y error.error="odd words" z'
    step = an_event("step_finish", part={"id": "prt_1", "cost": 0.1})
    waits = [
        [event.code for event in of_kind(Waiting, reader.read(text, is_error="odd" in text))] for text in (line, line, step, line)
    ]
    assert waits == [[], ["overloaded"], [], []]


def test_only_an_answer_that_stops_by_itself_is_its_last_one(tmp_path: Path) -> None:
    reader = a_reader(tmp_path)
    list(reader.read(an_event("text", part={"text": " " + "x" * 30_000})))
    for reason, expected in (("tool-calls", []), ("length", []), ("stop", [Finished(True, "x" * 30_000)])):
        assert of_kind(Finished, reader.read(an_event("step_finish", part={"id": reason, "reason": reason}))) == expected


def test_a_refused_tool_matters_where_it_changed_nothing(tmp_path: Path) -> None:
    refused = a_tool("bash", status="error", error="The user rejected permission to use this tool")
    failed, read = a_tool("write", status="error", error="no such folder"), a_tool("read", status="completed")
    named = Failure("permission_denied", "it changed nothing and was not allowed: bash")
    for more, expected in ((failed, [named]), (a_tool("write", status="completed"), [])):
        reader = a_reader(tmp_path)
        for line in (refused, read, more):
            list(reader.read(line))
        assert of_kind(Failure, reader.end(0)) == expected


def test_a_provider_that_proposes_another_name_has_a_key(tmp_path: Path) -> None:
    line = 'error="Model not found: anthropic/claude-x. Did you mean: claude-x-4.5, claude-y?" y'
    assert of_kind(Failure, a_reader(tmp_path).read(line, is_error=True)) == [
        Failure("unknown_model", "anthropic/claude-x is in no provider's list")
    ]


# Starting.


def test_it_gets_a_title_so_that_no_model_writes_one(tmp_path: Path) -> None:
    launch = opencode.start(the_task(tmp_path, settings={"theme": "x", "permission": {"bash": "ask"}}))
    assert "--title" in launch.argv and launch.argv[-2:] == ["--", "Do it"]
    config = json.loads(Path(launch.env["OPENCODE_CONFIG"]).read_text())
    assert config["theme"] == "x" and config["permission"] == {"*": "allow", "external_directory": "allow", "bash": "ask"}


@pytest.mark.parametrize("elsewhere", [True, False], ids=["started elsewhere", "started here"])
def test_it_resumes_only_in_its_own_directory(tmp_path: Path, elsewhere: bool) -> None:
    stored(tmp_path)
    thread = Thread("ses_1", {"cwd": "/elsewhere" if elsewhere else str(tmp_path / "work")})
    launch = opencode.resume(the_task(tmp_path, thread=thread))
    assert ("-s" in launch.argv, "--title" in launch.argv) == (not elsewhere, elsewhere)
