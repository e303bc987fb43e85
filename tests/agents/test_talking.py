"""People talk to real CLIs, and a CLI asks them: what the provider sees of it."""

from collections.abc import Callable

import pytest

from orchestration.worker.agent_run.round_watch import AGAIN, FIRST
from tests.agents.harness import Bench, command_turn, text_turn, write_turn
from tests.agents.llm import ScriptedLLM
from tests.agents.test_claude_code import OK, USAGE, claude, threads
from tests.agents.test_codex import codex
from tests.faults.harness import until

CLIS = ("claude", "codex")
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]
ASK = "muster-ask 'Which name has the file?'"


def ask_and_answer(work: Bench, id_: str, answer: str) -> str:
    """Wait for the entry's question, and answer it. Returns the question."""
    until(lambda: [r["code"] for r in work.entry(id_)["reasons"]] == ["waiting_for_answer"], 40, every=0.1)
    question = work.call("GET", f"/todo/entries/{id_}/questions")["questions"][0]
    assert work.call("GET", "/budget/holds")["held_usd"] == 0
    work.call("POST", f"/todo/questions/{question['id']}/answer", {"answer": answer})
    return str(question["text"])


def test_claude_code_reads_a_message_in_its_next_request(llm: Server, bench: Make) -> None:
    turns = [
        command_turn("until test -f go; do sleep 0.1; done", usage=USAGE),
        write_turn("ok", usage=USAGE),
        text_turn(usage=USAGE),
    ]
    provider = llm(talk={"turns": turns})
    work = bench(claude(provider, "talk"), verify=OK)
    id_ = work.add("write ok")
    session = work.wait_for_session(id_)
    until(lambda: len(provider.log()) == 1 and provider.log()[0]["outcome"] == "completed", 20, every=0.05)
    sent = work.call("POST", f"/executor/sessions/{session}/messages", {"text": "Please use *British* spelling."})
    assert sent["state"] == "queued"
    (work.up.data / "worktrees" / id_ / "go").touch()
    work.becomes(id_, "done", 60)
    assert "Please use *British* spelling." in provider.log()[1]["newest"]
    assert work.call("GET", f"/todo/entries/{id_}/messages")["messages"][0]["state"] == "delivered"
    assert work.check_cost(id_, provider) == 36_000 and len(work.sessions(id_)) == 1


def test_claude_code_asks_and_goes_on_in_its_conversation(llm: Server, bench: Make) -> None:
    """Its hook ends the turn with the question: no request is paid after it."""
    rounds = [
        [command_turn(ASK, usage=USAGE), text_turn("I go on.", usage=USAGE)],
        [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)],
    ]
    provider = llm(asks={"rounds": rounds})
    work = bench(claude(provider, "asks"), verify=OK)
    id_ = work.add("write ok")
    assert ask_and_answer(work, id_, "It is called ok.") == "Which name has the file?"
    entry = work.becomes(id_, "done", 60)
    first = work.call("GET", f"/executor/sessions/{entry['session_ids'][0]}")
    assert first["status"] == "asked" and [line["round"] for line in provider.log()].count(0) == 1
    assert entry["rounds_completed"] == 1 and len(threads(work, id_)) == 1
    assert "It is called ok." in provider.log()[1]["newest"] and provider.log()[1]["round"] == 1
    assert work.check_cost(id_, provider) == 36_000


def test_codex_asks_and_goes_on_in_its_conversation(llm: Server, bench: Make) -> None:
    rounds = [
        [command_turn(ASK, usage=USAGE), text_turn("I wait.", usage=USAGE)],
        [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)],
    ]
    provider = llm(asks={"rounds": rounds})
    work = bench(codex(provider, "asks"), verify=OK)
    id_ = work.add("write ok")
    assert ask_and_answer(work, id_, "It is called ok.") == "Which name has the file?"
    entry = work.becomes(id_, "done", 60)
    assert entry["rounds_completed"] == 1 and "It is called ok." in provider.log()[2]["newest"]
    work.check_cost(id_, provider)


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_a_message_that_comes_too_late_for_a_tool_is_the_next_prompt(llm: Server, bench: Make, agent: str) -> None:
    first = [write_turn("ok", usage=USAGE), text_turn(latency_ms=3000, usage=USAGE)]
    provider = llm(late={"rounds": [first, [write_turn("more", usage=USAGE), text_turn(usage=USAGE)]]})
    work = bench({"claude": claude, "codex": codex}[agent](provider, "late"), verify=OK)
    id_ = work.add("write ok")
    session = work.wait_for_session(id_)
    until(lambda: len(provider.log()) == 2, 20, every=0.05)
    work.call("POST", f"/executor/sessions/{session}/messages", {"text": "And write more."})
    work.becomes(id_, "done", 60)
    assert "And write more." in provider.log()[2]["newest"]
    assert work.merged("more") == "yes" and len(work.sessions(id_)) == 1
    assert work.call("GET", f"/todo/entries/{id_}/messages")["messages"][0]["state"] == "delivered"
    work.check_cost(id_, provider)


def test_claude_code_goes_in_circles_is_warned_at_work_and_ended_and_the_next_round_begins_with_that(
    llm: Server, bench: Make
) -> None:
    circles = [command_turn("cat missing", usage=USAGE)] * 60
    provider = llm(circles={"rounds": [circles, [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]]})
    work = bench(claude(provider, "circles"), verify=OK)
    id_ = work.add("write ok")
    entry = work.becomes(id_, "done", 60)
    [warning] = work.call("GET", f"/todo/entries/{id_}/messages")["messages"]
    assert (warning["sent_by"], warning["state"], warning["round"]) == ("muster", "delivered", 1)
    first, second = work.call("GET", f"/todo/entries/{id_}/rounds")["rounds"]
    assert first["verdict"] == "doomed" and first["ended_early"].startswith("ended early: the same call ")
    assert first["findings"] == [first["ended_early"]] and (second["verdict"], entry["rounds_completed"]) == ("passed", 2)
    requests = [line["round"] for line in provider.log()]
    assert FIRST.unchanged + AGAIN.unchanged <= requests.count(0) < len(circles), "it was ended before its last turn"
    assert any("Muster sees that you make no progress" in line["newest"] for line in provider.log())
    assert first["ended_early"] in provider.log()[requests.index(1)]["newest"]
    work.check_cost(id_, provider)
