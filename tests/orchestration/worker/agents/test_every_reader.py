"""Every agent module: it has the required shape, and no output of a CLI breaks its reader."""

import json
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.configuration.config import agent_kinds
from orchestration.worker import agents
from orchestration.worker.agents.shared.interface import Kind
from tests.orchestration.worker.agents.recorded import TRANSCRIPTS, a_task
from tests.sampling import examples

WITH_CLI = {kind: module for kind, module in agents.KINDS.items() if module.TRAITS.binary}
FILES = {  # the files that each CLI writes
    "gemini": ".gemini/tmp/work/chats/session-1.jsonl",
    "qwen": ".qwen/projects/work/chats/1.jsonl",
    "aider": "analytics.jsonl",
    "mini_swe_agent": "trajectory.json",
    "opencode": ".local/share/opencode/opencode.db",
}
RECORDED = [line for path in sorted(TRANSCRIPTS.iterdir()) for line in path.read_text().splitlines() if line.startswith("{")]
NONSENSE = st.sampled_from([None, True, -1, 10**30, 1e400, "x", "", [], {}, [1], [{}], {"a": []}])


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A recorded line of any CLI, with some values replaced, or cut off."""

    def another(value: Any) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(NONSENSE)
        if isinstance(value, dict):
            return {key: another(each) for key, each in value.items()}
        return [another(each) for each in value[:5]] if isinstance(value, list) else value

    line = json.dumps(another(json.loads(draw(st.sampled_from(RECORDED)))))
    return line[: draw(st.integers(0, len(line)))] if draw(st.booleans()) else line


PRINTED = st.lists(st.tuples(st.text(max_size=60) | mangled(), st.booleans()), max_size=8)


def play(kind: str, module: Kind, printed: list[tuple[str, bool]], written: list[str], exit_code: int | None) -> None:
    with TemporaryDirectory() as folder:
        task = a_task(Path(folder), kind=kind, model="stub/gpt-5")
        if kind in FILES:
            path = task.home / FILES[kind]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes("\n".join([*written, ""]).encode("utf-8", "surrogateescape"))
        reader = module.reader(task)
        for line, is_error in printed:
            list(reader.read(line, is_error=is_error))
            list(reader.poll())
        list(reader.read_record("api_request", {"cost_usd": "x"}))
        list(reader.end(exit_code))
        assert reader.thread is None or json.dumps(reader.thread.totals)


@pytest.mark.parametrize("kind", WITH_CLI)
@given(printed=PRINTED, written=st.lists(mangled(), max_size=4), exit_code=st.sampled_from([None, 0, 1, 41, 53]))
@settings(max_examples=examples(60))
def test_no_output_breaks_the_reader(
    kind: str, printed: list[tuple[str, bool]], written: list[str], exit_code: int | None
) -> None:
    play(kind, WITH_CLI[kind], printed, written, exit_code)


@given(part=mangled(), message=mangled())
@settings(max_examples=examples(60))
def test_no_content_of_opencodes_database_breaks_its_reader(part: str, message: str) -> None:
    with TemporaryDirectory() as folder:
        task = a_task(Path(folder), kind="opencode")
        path = task.home / FILES["opencode"]
        path.parent.mkdir(parents=True)
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE message (id, data)")
        database.execute("CREATE TABLE part (id, message_id, data)")
        database.execute("INSERT INTO message VALUES (1, ?)", [message])
        database.execute("INSERT INTO part VALUES (?, 1, ?)", [b"\x00", part.replace("step_finish", "step-finish")])
        database.commit()
        database.close()
        reader = WITH_CLI["opencode"].reader(task)
        list(reader.poll())
        list(reader.end(0))


@pytest.mark.parametrize("kind", WITH_CLI)
def test_every_agent_declares_its_traits(kind: str) -> None:
    traits = WITH_CLI[kind].TRAITS
    assert traits.install and agent_kinds.KEYS[kind] and traits.version
    assert all(not path.startswith("/") for pair in traits.logins for path in pair)


@pytest.mark.parametrize("kind", WITH_CLI)
def test_every_agent_is_started_with_a_prompt_of_any_size(kind: str, tmp_path: Path) -> None:
    task = a_task(tmp_path, kind=kind, model="stub/gpt-5", prompt="é" * 100_000)
    launch = WITH_CLI[kind].start(task)
    assert launch.argv[0] == WITH_CLI[kind].TRAITS.binary
    assert max(len(word.encode()) for word in [*launch.argv, *launch.env.values()]) < 2**17
    assert any(str(task.prompt_file) in word for word in launch.argv)
