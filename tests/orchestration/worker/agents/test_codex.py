"""Codex: its command line, its output, its failures."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.worker.agents import codex
from orchestration.worker.agents.codex.reader import Reader
from orchestration.worker.agents.shared import toml
from orchestration.worker.agents.shared.events import Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from tests.orchestration.worker.agents.recorded import a_task, lines, of_kind
from tests.orchestration.worker.agents.test_codex_costs import ROLLOUT, THREAD, run
from tests.sampling import examples


def event_line(**fields: Any) -> str:
    return json.dumps(fields)


# Lines.


def test_progress_the_thread_and_the_last_answer_are_reported(tmp_path: Path) -> None:
    reader = Reader(None, tmp_path, "gpt-5")
    events = run(reader, "codex-two-1")
    assert of_kind(Started, events) == [Started(THREAD, "gpt-5")]
    assert [event.text for event in of_kind(Text, events)][0::2] == ["R1", "done1"]
    assert of_kind(Finished, events) == [Finished(True, "done1")] and of_kind(Failure, events) == []
    assert reader.thread is not None and reader.thread.id == THREAD


URL = "url: http://127.0.0.1:1/v1/responses"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (f"unexpected status 401 Unauthorized: Incorrect API key provided, {URL}", "auth"),
        (f"unexpected status 503 Service Unavailable: Overloaded, {URL}", "overloaded"),
        ("exceeded retry limit, last status: 429 Too Many Requests", "rate_limited"),
        ("Quota exceeded. Check your plan and billing details.", "quota"),
        ("The model `x` does not exist", "unknown_model"),
        ("Codex ran out of room in the model's context window. Start a new thread or clear earlier history", "context_full"),
        ('{"error": {"type": "invalid_request_error", "message": "bad", "code": "x"}}', "bad_request"),
        ("stream disconnected before completion: failed to lookup address information", "network"),
        ("Missing environment variable: `CODEX_API_KEY`.", "auth"),
        ("what?", "crashed"),
    ],
)
def test_failures_have_names(tmp_path: Path, words: str, code: str) -> None:
    reader = Reader(None, tmp_path, "gpt-5")
    events = [
        *reader.read(event_line(type="turn.started")),
        *reader.read(event_line(type="turn.failed", error={"message": words})),
        *reader.end(1),
    ]
    assert [failure.code for failure in of_kind(Failure, events)] == [code]
    assert [finished.ok for finished in of_kind(Finished, events)] == [False]


def test_a_refused_key_fails_at_the_first_attempt_and_a_busy_provider_is_waited_for(tmp_path: Path) -> None:
    reader = Reader(None, tmp_path, "gpt-5")
    refused = event_line(type="error", message=f"Reconnecting... 1/5 (unexpected status 401 Unauthorized: no, {URL})")
    busy = event_line(type="error", message="Reconnecting... 2/5 (exceeded retry limit, last status: 429 Too Many Requests)")
    offline = event_line(type="error", message="Reconnecting... waiting for network (Connection failed: error sending request)")
    assert [event.code for event in of_kind(Failure, reader.read(refused))] == ["auth"]
    assert [event.code for event in of_kind(Waiting, reader.read(busy))] == ["rate_limited"]
    assert [event.code for event in of_kind(Waiting, reader.read(offline))] == ["network"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Error: thread/resume: thread/resume failed: no rollout found for thread id x (code -32600)", "thread_lost"),
        ("thread/resume failed: unexpected status 404 Not Found", "thread_lost"),
        ("Error loading config.toml: invalid type: integer `5`, expected a string", "cli_refused"),
        ("error: unexpected argument '--nope' found", "cli_refused"),
    ],
)
def test_a_failed_start_is_reported_from_stderr(tmp_path: Path, words: str, code: str) -> None:
    reader = Reader(None, tmp_path, "gpt-5")
    for line in ("WARNING: proceeding, even though we could not create PATH aliases", words):
        assert list(reader.read(line, is_error=True)) == []
    assert list(reader.end(1)) == [Failure(code, words)]


@given(st.sampled_from([*lines("codex-two-1"), *ROLLOUT]), st.data())
@settings(max_examples=examples(200))
def test_no_output_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, line: str, data: st.DataObject) -> None:
    nonsense = st.sampled_from([None, True, -1, 10**30, "x", [], {}, [1]])

    def mangled(value: Any) -> Any:
        if data.draw(st.integers(0, 9)) == 0:
            return data.draw(nonsense)
        if isinstance(value, dict):
            return {key: mangled(each) for key, each in value.items()}
        return [mangled(each) for each in value] if isinstance(value, list) else value

    odd = json.dumps(mangled(json.loads(line)))
    folder = tmp_path_factory.mktemp("home")
    (folder / "rollout-x.jsonl").write_text(f"{odd}\n{line[: data.draw(st.integers(0, len(line)))]}\n")
    reader = Reader(Thread("t", {"offsets": data.draw(nonsense), "input": data.draw(nonsense)}), folder, "gpt-5")
    list(reader.read(odd))
    list(reader.poll())
    list(reader.end(data.draw(st.sampled_from([None, 0, 1]))))
    assert reader.thread is not None


# Starting.


def config_of(launch_home: Path) -> dict[str, Any]:
    return tomllib.loads((launch_home / ".codex/config.toml").read_text())


def test_it_gets_a_config_of_the_workspaces_settings_and_model(tmp_path: Path) -> None:
    task = a_task(
        tmp_path, kind="codex", model="gpt-5", settings={"model_reasoning_effort": "high"}, args=["-c", "x=1"], prompt="-do"
    )
    argv = codex.start(task).argv
    assert config_of(task.home) == {"model_reasoning_effort": "high", "model": "gpt-5"}
    assert argv[:3] == ["codex", "exec", "--json"] and argv[-4:] == ["-c", "x=1", "--", "-do"]


def test_the_usual_openai_variables_work(tmp_path: Path) -> None:
    """Codex by itself reads neither OPENAI_API_KEY nor OPENAI_BASE_URL."""
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    task = replace(a_task(tmp_path, kind="codex"), env=env)
    assert codex.start(task).env == {"CODEX_HOME": str(task.home / ".codex"), "CODEX_API_KEY": "k"}
    written = config_of(task.home)
    assert written["model_provider"] == "muster"
    assert written["model_providers"]["muster"]["base_url"] == "http://127.0.0.1:1/v1"
    assert written["model_providers"]["muster"]["env_key"] == "CODEX_API_KEY"


def test_the_workspaces_own_provider_wins(tmp_path: Path) -> None:
    task = a_task(tmp_path, kind="codex", settings={"model_provider": "mine", "model_providers": {"mine": {"name": "m"}}})
    codex.start(replace(task, env={"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}))
    assert config_of(task.home) == {"model_provider": "mine", "model_providers": {"mine": {"name": "m"}}}


def test_a_thread_is_resumed_if_its_file_exists(tmp_path: Path) -> None:
    task = a_task(tmp_path, kind="codex", thread=Thread(THREAD))
    assert "resume" not in codex.resume(task).argv
    (task.home / ".codex/sessions").mkdir(parents=True)
    (task.home / f".codex/sessions/rollout-x-{THREAD}.jsonl").touch()
    assert codex.resume(task).argv[-4:] == ["resume", THREAD, "--", "Do it"]


def test_settings_that_toml_cannot_express_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.b has a value"):
        codex.start(a_task(tmp_path, kind="codex", settings={"a": {"b": None}}))


SCALARS = st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**63), 2**63 - 1) | st.booleans()
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS.filter(lambda k: isinstance(k, str)), inner, max_size=3),
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), NESTED, max_size=4))
def test_toml_expresses_all_json_values_but_null(value: dict[str, Any]) -> None:
    assert tomllib.loads(toml.to_toml(value)) == value
