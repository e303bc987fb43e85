"""Commands against the real API: each does what its name promises."""

from datetime import UTC, datetime

import httpx2
import pytest

from orchestration.api import executor
from orchestration.dialogue import questions
from orchestration.models import Entry, Executor, IntegrationCommit, Landing, Message, Question, Round
from tests.cli.terminal import InProcess, Terminal
from tests.factories import CLOSED, a_session, a_worker, a_workspace, an_entry, ended
from tests.orchestration.approval.asked import asked
from workspaces.models import Workspace


def test_an_entry_is_added_with_all_its_options(muster: Terminal, workspace: Workspace) -> None:
    first = an_entry(workspace)
    rows = muster.json(
        "add", "Do more", "--budget", "2.5", "--rounds", "4", "--priority", "high", "--after", "1", "--edits", "a.py"
    )
    (row,) = rows["entries"]
    assert (row["content"], row["budget_usd"], row["budget_rounds"], row["priority"]) == ("Do more", 2.5, 4, "high")
    assert (row["depends_on"], row["spec"]["files_to_modify"]) == ([first.pk], ["a.py"])


def test_entries_are_added_from_stdin(muster: Terminal) -> None:
    assert muster("add", "-", stdin="From a pipe\n").code == 0
    outcome = muster(
        "add", "--from", "-", "-o", "json", stdin='[{"ref": "a", "content": "A"}, {"content": "B", "depends_on": ["a"]}]'
    )
    assert [row["content"] for row in outcome.json["entries"]] == ["A", "B"]


def test_entries_are_listed_and_searched(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace, content="Count\nmore")
    an_entry(workspace, content="Sum up")
    lines = muster("entries").out.splitlines()
    assert lines[0].split()[:3] == ["#", "STATUS", "PRIORITY"] and lines[1].endswith("Count") and lines[2].endswith("Sum up")
    assert [row["seq"] for row in muster.json("entries", "-q", "sum", "--status", "pending")["entries"]] == [2]
    assert [row["seq"] for row in muster.json("entries", "--sort", "-seq", "--filter", "status:open")["entries"]] == [2, 1]
    assert "sort" in muster("entries", "--sort", "rank").err
    assert "more" in muster("entries", "#1").out


def test_the_list_has_all_pages(muster: Terminal, workspace: Workspace) -> None:
    muster("add", "--from", "-", stdin=str([{"content": "E"}] * 300).replace("'", '"'))
    muster("add", "--from", "-", stdin=str([{"content": "E"}] * 300).replace("'", '"'))
    assert len(muster.json("entries")["entries"]) == 600
    assert muster("entries", "600").code == 0


def test_why_begins_with_the_sentence_and_lists_what_waits(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    Executor.objects.update(state="stopped")
    lines = muster("why", "1").out.splitlines()
    assert lines[0] == "Entry 1 waits: The executor was never started: press Start. Next: muster start"
    assert lines[1] == "It waits for this too: No session worker is online: start one with ./muster worker"
    rows = lines[lines.index("") + 2 :]
    assert [line.split()[:2] for line in rows[:2]] == [["waits", "executor_stopped"], ["waits", "no_worker_online"]]
    assert not any(line.startswith("ok") for line in lines)
    assert muster.json("why", "1")["why"] == "executor_stopped"


def test_why_names_no_more_than_the_end_of_what_has_ended(muster: Terminal, workspace: Workspace) -> None:
    ended(a_session(an_entry(workspace, budget_rounds=1)))
    muster("pause")
    first, blank = muster("why", "1").out.splitlines()[:2]
    assert first.startswith("Entry 1 failed: Its one round is used up") and not blank


def test_the_list_has_the_reason_that_counts(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace, budget="0.01")
    muster("pause")
    assert muster("entries").out.splitlines()[1].split() == [
        "1",
        "pending",
        "medium",
        "$0.00",
        "$0.01",
        "budget_exceeded",
        "Do",
        "it",
    ]


def test_a_check_that_is_ok_has_a_name_that_is_true(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    a_worker()
    lines = muster("why", "1", "--all").out.splitlines()
    checks = muster.json("why", "1")["checks"]
    assert len(lines) == len(checks) + 3
    assert lines[0] == "Entry 1 is pending: nothing keeps it."
    assert not [check["code"] for check in checks if check["code"] in " ".join(lines).replace("pending", "")]
    assert any(line.split()[:3] == ["ok", "session", "workers"] for line in lines)


def test_the_executor_is_paused_and_started(muster: Terminal, workspace: Workspace) -> None:
    for name, answer, state in (
        ("pause", "The executor is paused.", "paused"),
        ("start", "The executor runs.", "running"),
        ("stop", "Stopped. The executor is paused until: muster start", "paused"),
    ):
        assert muster(name).out == f"{answer}\n"
        assert Executor.objects.get(pk=workspace.pk).state == state


def test_one_entry_is_put_on_hold_and_released(muster: Terminal, workspace: Workspace) -> None:
    entry = an_entry(workspace)
    muster("pause", "1", "--reason", "Not today")
    entry.refresh_from_db()
    assert entry.status == Entry.Status.BLOCKED
    muster("start", entry.pk)
    entry.refresh_from_db()
    assert entry.status == Entry.Status.PENDING


def test_a_message_to_an_agent_is_sent_once_and_listed(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    assert muster("ask", "1", "Mind the sign").out.endswith("queued.\n")
    assert Message.objects.count() == 1
    assert "Mind the sign" in muster("ask", "1").out


def test_a_question_is_answered(muster: Terminal, workspace: Workspace) -> None:
    assert muster("answer").out == "No agent asks anything.\n"
    questions.ask(a_session(an_entry(workspace)), "1", "Tabs or spaces?")
    question = Question.objects.get()
    assert "Tabs or spaces?" in muster("answer").out
    assert f"muster answer {question.pk}" in muster("status").out
    assert muster("answer", str(question.pk)).code == 2
    assert muster("answer", str(question.pk), "-", stdin="Spaces\n").out == f"Answered question {question.pk}.\n"
    question.refresh_from_db()
    assert question.answer == "Spaces"


def test_work_that_waits_is_approved_by_its_commit(muster: Terminal, workspace: Workspace) -> None:
    asked(workspace)
    assert "c" * 12 in muster("approve").out and "muster approve 1" in muster("status").out
    assert muster("approve", "1").code == 2, "without a terminal it needs --yes"
    assert muster("approve", "1", "--commit", "d" * 40).code == 1, "another commit waits"
    assert muster("approve", "1", "--yes").out == "Approved cccccccccccc. It lands next: muster entries 1\n"
    assert muster("approve").out == "Nothing waits for approval.\n"


def test_a_commit_is_named_by_its_beginning(muster: Terminal, workspace: Workspace) -> None:
    asked(workspace)
    assert muster("approve", "1", "--commit", "c" * 6).code == 2
    assert muster("approve", "1", "--commit", "--yes").code == 2
    assert "waits, not ddddddd" in muster("approve", "1", "--commit", "d" * 7).err
    assert "waits, not ddddddd" in muster("send-back", "1", "Shorter", "--commit", "d" * 7).err
    assert muster("approve", "1", "--commit", "C" * 12).out == "Approved cccccccccccc. It lands next: muster entries 1\n"


def test_the_question_before_a_landing_is_a_sentence_of_its_own(
    muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from muster_cli.commands import review

    asked(workspace)
    questions: list[str] = []
    monkeypatch.setattr(review, "confirm", lambda question, yes: questions.append(question))
    assert muster("approve", "1").code == 0
    assert questions[0].endswith(". Let cccccccccccc land?") and ".." not in questions[0]


def test_work_is_sent_back_with_a_note(muster: Terminal, workspace: Workspace) -> None:
    asked(workspace)
    assert muster("send-back", "1", "Shorter").out == "Sent back with 1 finding.\n"
    assert muster("approve").out == "Nothing waits for approval.\n"


def test_the_rounds_of_an_entry_are_listed(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    assert muster("diff", "1", "--rounds").out == "No round yet.\n"
    a_session(an_entry(workspace))
    assert muster("diff", "2", "--rounds").out.splitlines()[1].split()[:2] == ["1", "open"]
    assert muster.json("diff", "2")["rounds"][0]["number"] == 1


def test_a_diff_needs_a_commit(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    outcome = muster("diff", "1")
    assert (outcome.code, outcome.out) == (1, "") and "There is no commit yet" in outcome.err


def test_nothing_is_approved_that_does_not_wait(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    assert muster("approve").out == "Nothing waits for approval.\n"
    outcome = muster("approve", "1", "--yes")
    assert (outcome.code, outcome.err) == (1, "muster: No work of entry 1 waits for approval.\n")


def test_the_status_names_what_there_is(muster: Terminal, workspace: Workspace) -> None:
    document = muster.json("status")
    assert document["executor"]["state"] == "running" and document["workspace"] == workspace.pk
    assert muster("status").out.startswith("Executor: running, 0 sessions at work\nBudget: $0.00 spent of $100.00\n")


def test_the_status_counts_what_is_stuck(muster: Terminal, workspace: Workspace) -> None:
    for _ in range(2):
        ended(a_session(an_entry(workspace, budget_rounds=1)))
    entry = an_entry(workspace)
    muster("pause", entry.pk)
    an_entry(workspace)
    assert muster("status").out.splitlines()[3:] == [
        "1 blocked (human hold): muster entries --status blocked",
        "2 failed (rounds exhausted): muster entries --status failed",
        "1 pending: muster entries --status pending",
    ]
    muster("pause")
    assert muster("status").out.endswith("1 pending: muster start\n")


def test_a_server_without_a_summary_is_asked_as_before(
    muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(a_session(an_entry(workspace, budget_rounds=1)))
    a_session(an_entry(workspace, content="Slow job"))
    questions.ask(a_session(an_entry(workspace)), "1", "Tabs or spaces?")
    lines, answer = muster("status").out, InProcess.handle_request

    def older(self: InProcess, request: httpx2.Request) -> httpx2.Response:
        missing = httpx2.Response(404, json={"name": "NotFoundError", "data": {"message": "Not found"}})
        return missing if request.url.path.endswith("/summary") else answer(self, request)

    monkeypatch.setattr(InProcess, "handle_request", older)
    assert muster("status").out == lines and muster.json("status")["questions_total"] == 1


def test_the_status_counts_those_that_it_does_not_list(
    muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "FIRST", 1)
    for _ in range(2):
        asked(workspace)
        questions.ask(a_session(an_entry(workspace)), "1", "Tabs or spaces?")
    lines = muster("status").out.splitlines()
    assert "1 more for approval: muster approve" in lines and "1 more with a question: muster answer" in lines


def test_the_status_names_entries_at_work_by_number_and_title(muster: Terminal, workspace: Workspace) -> None:
    session = a_session(an_entry(workspace, content="Slow job"))
    row = muster("status").out.splitlines()[-1]
    assert row.startswith(session.pk) and row.endswith("#1 Slow job")


def test_an_entry_names_the_commit_that_it_landed_as(muster: Terminal, workspace: Workspace) -> None:
    landed, closed = an_entry(workspace), an_entry(workspace)
    at = datetime.now(UTC).replace(hour=13, minute=52)
    commit = IntegrationCommit.objects.create(
        workspace=workspace, old="a" * 40, new="b" * 40, tree="c" * 40, subject="Do it", state="done", done_at=at
    )
    Landing.objects.create(workspace=workspace, entry=landed, commit="d" * 40, state="landed", ended_at=at, intent=commit)
    Entry.objects.update(**CLOSED)
    sentence = f"Entry 1 landed on muster/integration as bbbbbbbbbbbb, {at:%Y-%m-%d} 13:52 UTC."
    assert sentence in muster("entries", "1").out.splitlines()
    assert "Entry 2 is done." in muster("entries", closed.pk).out.splitlines()


def test_a_failed_entry_shows_its_last_verdict_with_its_first_finding(muster: Terminal, workspace: Workspace) -> None:
    ended(a_session(an_entry(workspace, budget_rounds=1)))
    lines = muster("entries", "1").out.splitlines()
    assert "Round 1: failed: a finding" in lines and "Next: muster start 1" in lines


def test_of_several_verdicts_the_last_is_shown(muster: Terminal, workspace: Workspace) -> None:
    session = ended(a_session(an_entry(workspace, budget_rounds=1)))
    Round.objects.create(entry=session.entry, session=session, number=2, verdict="unverified", findings=["a newer finding"])
    assert [line for line in muster("entries", "1").out.splitlines() if line.startswith("Round ")] == [
        "Round 2: unverified: a newer finding"
    ]


def test_an_entry_that_asks_names_the_number_of_its_question(muster: Terminal, workspace: Workspace) -> None:
    session = a_session(an_entry(workspace))
    questions.ask(session, "1", "Tabs or spaces?")
    ended(session)
    assert f"Next: muster answer {Question.objects.get().pk} TEXT" in muster("entries", "1").out.splitlines()


def test_the_address_of_a_page_is_printed(muster: Terminal, workspace: Workspace) -> None:
    entry = an_entry(workspace)
    assert muster("open").out == f"http://testserver/w/{workspace.pk}/\n"
    assert muster("open", "1").out == f"http://testserver/w/{workspace.pk}/backlog/{entry.pk}/\n"


def test_a_workspace_is_named_where_there_are_two(muster: Terminal, workspace: Workspace) -> None:
    other = a_workspace(name="Bakery")
    outcome = muster("status")
    assert outcome.code == 2 and f"Bakery ({other.pk})" in outcome.err
    assert muster.json("status", "-w", "Bakery")["workspace"] == other.pk
    assert muster.json("-w", other.pk, "status")["workspace"] == other.pk
    muster.set("MUSTER_WORKSPACE", workspace.pk)
    assert muster.json("status")["workspace"] == workspace.pk


def test_any_call_is_made_by_its_path(muster: Terminal, workspace: Workspace) -> None:
    assert muster("api", "executor/status", "--json", "state").json == {"state": "running"}
    created = muster("api", "todo/entries", "--input", "-", stdin='{"entries": [{"content": "A"}]}')
    assert created.code == 0
    key = created.json["entries"][0]["id"]
    assert muster("api", "-X", "PATCH", f"todo/entries/{key}/priority", "-F", "priority=high").json["priority"] == "high"
    assert muster("api", "-X", "GET", "todo", "-F", "limit=1").json["next_cursor"] is None
    refused = muster("api", "-X", "DELETE", "todo/entries/entry_x")
    assert refused.code == 1 and "Entry not found" in refused.out and "Entry not found" in refused.err
    assert muster("api", "https://elsewhere.example/api/v1/workspaces").code == 2


def test_why_and_status_are_one_call_each(muster: Terminal, workspace: Workspace) -> None:
    a_session(an_entry(workspace, content="Slow job"))
    for n in range(2):
        an_entry(workspace, content=f"E{n}")
    muster.transport.requests.clear()  # type: ignore[attr-defined]
    assert muster("why", "3", "-w", workspace.pk).out.startswith("Entry 3 is pending")
    assert [each.rpartition("/")[2] for each in muster.transport.requests] == ["explain"]  # type: ignore[attr-defined]
    muster("pause")
    muster.transport.requests.clear()  # type: ignore[attr-defined]
    lines = muster("status", "-w", workspace.pk).out
    assert "2 pending: muster start" in lines and "#1 Slow job" in lines
    assert [each.rpartition("/")[2] for each in muster.transport.requests] == ["summary"]  # type: ignore[attr-defined]
    assert muster("why", "99").err == "muster: There is no entry 99 in this workspace.\n"
