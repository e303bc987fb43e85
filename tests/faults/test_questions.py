"""A session worker is killed around an agent's question: no question is lost or noted twice, and the answer lets the work go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import crashes
from tests.faults.crashes import SLOW_LEASE, Point, both
from tests.faults.harness import Client, Running, until
from tests.faults.shop import Shop
from tests.plugins.database import put_migrated

AGENT = """
grep -q '^The answer:' "$MUSTER_PROMPT_FILE" && { cp "$MUSTER_PROMPT_FILE" ok; exit; }
echo '{"type": "usage", "id": "1", "cost_usd": 0.25}'; echo draft > draft; """
BY_PROGRAM = AGENT + "muster-ask 'Which one?'; sleep 30"
BY_LINE = AGENT + """echo '{"type": "question", "text": "Which one?"}'; sleep 30"""

# The agents sleep after their question: a worker that does not end them would let them run.
POINTS = [
    *both("orchestration.dialogue.questions.ask", name="noted"),
    *both("orchestration.sessions.lifecycle.conclude", name="ended"),
]


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    folder = tmp_path_factory.mktemp("questions")
    (folder / "plans").mkdir()
    put_migrated(folder / "data")
    running = Running(folder / "data", **crashes.settings(folder, slots=2) | SLOW_LEASE)
    until(running.is_ready, 30)
    yield Client(running), folder
    running.process.terminate()
    running.process.wait(20)


@pytest.mark.parametrize("agent", [BY_PROGRAM, BY_LINE], ids=["program", "line"])
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_question_outlives_its_worker(crashing: tuple[Client, Path], point: Point, agent: str) -> None:
    client, folder = crashing
    own = folder / f"{len(list(folder.iterdir()))}"
    own.mkdir()
    ends = agent.replace("; sleep 30", "") if "conclude" in point.step else agent
    work = Shop(client, own, agent={"command": ["sh", "-c", ends]})
    work.call("POST", "/executor/pause")
    id_ = work.add("ask")
    (folder / "plans" / id_).write_text(point.plan)
    work.call("POST", "/executor/resume")
    until(lambda: [reason["code"] for reason in work.entry(id_)["reasons"]][:1] == ["waiting_for_answer"], 40, every=0.1)
    until((folder / "plans" / f"{id_}.done").exists, 20)  # the entry can show its reason before the worker is killed
    assert [session["status"] for session in work.sessions(id_)] == ["asked"]
    [question] = work.call("GET", f"/todo/entries/{id_}/questions")["questions"]
    assert question["text"] == "Which one?" and work.call("GET", "/budget/holds")["held_usd"] == 0
    work.call("POST", f"/todo/questions/{question['id']}/answer", {"answer": "The second."})
    entry = work.becomes(id_, "done", 40)
    assert (entry["rounds_completed"], entry["spent_usd"]) == (1, 0.25), "paid once"
    assert "> The second." in work.merged("ok") and work.merged("draft") == "draft"
