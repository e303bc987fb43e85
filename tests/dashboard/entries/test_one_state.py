"""The list, the graph, the entry's page, the rail and the overview call the same entry the same."""

import html
import re
from datetime import timedelta

import pytest
from django.db.models import Case, When
from django.test import Client
from django.utils.timezone import now

from dashboard.shared.texts import entry_state, labels
from orchestration.backlog.rules import status_groups
from orchestration.executor import control, explain
from orchestration.metrics import entry_counts
from orchestration.models import Entry, Executor, Integration, Question, Session
from tests.dashboard.seeds import entries as seed
from tests.factories import an_entry, an_open_breaker, some_entries
from workspaces.models import Workspace

PAUSED = ("executor_paused", "no_worker_online", "concurrency_limit")


def text_of(client: Client, address: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", client.get(address).content.decode()))


def ask(workspace: Workspace, seq: int) -> None:
    """The agent of this entry asks, whatever its state."""
    entry = Entry.objects.get(workspace=workspace, seq=seq)
    session = Session.objects.filter(workspace=workspace).order_by("id")[0]
    Question.objects.create(workspace=workspace, entry=entry, session=session, name=f"{seq}", text="Which one?")


def one_in_each_state(workspace: Workspace) -> None:
    an_entry(workspace, content="fresh")
    for content in ("asks", "asks and is behind a file", "approval"):
        an_entry(workspace, content=content)
    last = Entry.objects.filter(workspace=workspace).order_by("-seq")[0].seq
    Entry.objects.filter(workspace=workspace, seq=last).update(reason_code="waiting_for_approval", reason_at=now())
    Entry.objects.filter(workspace=workspace, seq=last - 1).update(parked_behind=Entry.objects.get(workspace=workspace, seq=4))
    for seq in (4, 8, 12, last - 1, last - 2):
        ask(workspace, seq)
    Entry.objects.filter(workspace=workspace, seq=7).update(not_before="2999-01-01T00:00:00Z")
    Entry.objects.filter(workspace=workspace, seq=8).update(not_before="2001-01-01T00:00:00Z")


def shut(workspace: Workspace, trouble: str) -> None:
    """Every agent, that of the name `other`, or the usual one."""
    executor = Executor.objects.get(pk=workspace.pk)
    other = {"kind": "codex", "credential": "OTHER_KEY"}
    Executor.objects.filter(pk=workspace.pk).update(config=executor.config | {"agents": {"other": other}})
    until = now() + timedelta(hours=1)
    if trouble in ("every", "other"):
        an_open_breaker(workspace, name="other", until=until)
    if trouble in ("every", "usual"):
        an_open_breaker(workspace, until=until)
    if trouble == "doubt":
        Session.objects.filter(pk=Session.objects.filter(workspace=workspace, hold__isnull=False)[0].pk).update(doubt="open")


@pytest.mark.parametrize("state", ["running", "paused"])
@pytest.mark.parametrize("able", [None, frozenset({""}), frozenset({"other"})])
def test_the_group_in_python_is_the_group_in_sql(workspace: Workspace, state: str, able: frozenset[str] | None) -> None:
    one_in_each_state(workspace)
    an_entry(workspace, content="of another agent")
    Entry.objects.filter(workspace=workspace, content="of another agent").update(next_agent="other")
    Executor.objects.filter(pk=workspace.pk).update(state=state)
    marked = Case(When(status_groups.WAITING_FOR_ANSWER, then=True), default=False)
    entries = list(Entry.objects.filter(workspace=workspace).annotate(asks=marked))
    grouped = {entry.seq: entry_state.group(entry, now(), asks=entry.asks, open_agents=able) for entry in entries}
    kinds = {kind: status_groups.of_kind(kind, status_groups.waits_for_agent(able)) for kind in status_groups.KINDS}
    assert grouped == {
        seq: kind
        for kind, rows in kinds.items()
        for seq in Entry.objects.filter(rows, workspace=workspace).values_list("seq", flat=True)
    }
    assert set(grouped.values()) == set(status_groups.KINDS)


@pytest.mark.parametrize("paused", [False, True])
def test_list_page_and_counts_agree(ana: Client, workspace: Workspace, paused: bool) -> None:
    one_in_each_state(workspace)
    if paused:
        control.pause(workspace.pk, by=seed.ANA)
    listed = ana.get(f"/w/{workspace.pk}/backlog/").context
    for row in listed["rows"]:
        page = ana.get(f"/w/{workspace.pk}/backlog/{row['entry'].pk}/").context["row"]
        assert page["badge"] == row["badge"], row["entry"].seq
    ready = sum(row["badge"] == "ready" for row in listed["rows"])
    rail = {item["word"]: item["n"] for item in listed["rail"]}
    assert ready >= 1
    assert rail["Ready"] == str(ready)
    assert ana.get(f"/w/{workspace.pk}/").context["tally"]["ready"] == ready


@pytest.mark.parametrize("trouble", ["every", "other", "usual", "doubt"])
@pytest.mark.parametrize("paused", [False, True])
def test_an_entry_whose_agent_cannot_start_waits_everywhere(
    ana: Client, workspace: Workspace, trouble: str, paused: bool
) -> None:
    one_in_each_state(workspace)
    others, judged, _ = some_entries(workspace, "of another agent", "to be judged", "of the usual agent")
    Entry.objects.filter(pk=others.pk).update(next_agent="other")
    Entry.objects.filter(pk=judged.pk).update(next_work="verify")
    shut(workspace, trouble)
    if paused:
        control.pause(workspace.pk, by=seed.ANA)
    explained = explain.explain(workspace.pk)[1]
    first = {
        each.entry.seq: [check.code for check in each.checks if not check.passed and check.code not in PAUSED][:1]
        for each in explained
    }
    unable = {seq for seq, codes in first.items() if codes == ["agent_unavailable"]}
    assert (others.seq in unable) == (trouble in ("every", "other")) and judged.seq not in unable and unable
    listed = ana.get(f"/w/{workspace.pk}/backlog/").context
    for row in listed["rows"]:
        assert row["badge"] == "pending" or row["entry"].seq not in unable, row["entry"].seq
        assert ana.get(f"/w/{workspace.pk}/backlog/{row['entry'].pk}/").context["row"]["badge"] == row["badge"]
    shown = {link["word"]: link for item in listed["rail"] for link in (item, *item.get("under", []))}
    for word in ("Ready", "Waiting", "Provider"):
        matching = ana.get(f"/w/{workspace.pk}/backlog/?{shown[word]['query']}").context
        seqs = {row["entry"].seq for row in matching["rows"]}
        assert shown[word]["n"] == str(matching["matching"]) == str(len(seqs)), word
        assert unable.isdisjoint(seqs) if word == "Ready" else unable <= seqs
    board = ana.get(f"/w/{workspace.pk}/backlog/?view=board").context["columns"]
    columns = {column.name: {card["entry"].seq for part in column.parts for card in part.cards} for column in board}
    assert unable <= columns["waiting"] and unable.isdisjoint(columns["ready"])
    tally = ana.get(f"/w/{workspace.pk}/").context["tally"]
    assert str(tally["ready"]) == shown["Ready"]["n"] == next(column.number for column in board if column.name == "ready")
    drawn = {line["entry"].seq: line["badge"] for line in ana.get(f"/w/{workspace.pk}/backlog/?view=graph").context["lines"]}
    assert {badge for seq, badge in drawn.items() if seq in unable} <= {"pending"}


def test_the_overview_counts_what_is_in_review_apart_from_what_waits(ana: Client, workspace: Workspace) -> None:
    one_in_each_state(workspace)
    rail = {item["word"]: int(item["n"]) for item in ana.get(f"/w/{workspace.pk}/backlog/").context["rail"]}
    tally = ana.get(f"/w/{workspace.pk}/").context["tally"]
    assert (tally["review"], tally["waiting"]) == (rail["In review"], rail["Ready"] + rail["Waiting"])
    parts = ana.get(f"/w/{workspace.pk}/").context["parts"]
    assert len(parts) == 7
    for part in parts:
        listed = ana.get(part.link).context
        assert (listed["matching_shown"], listed["ignored"]) == (part.count, []), part.word


def test_what_waits_for_a_person_is_in_review_and_counted_by_its_reason(ana: Client, workspace: Workspace) -> None:
    one_in_each_state(workspace)
    context = ana.get(f"/w/{workspace.pk}/backlog/").context
    shown = {link["word"]: link for item in context["rail"] for link in (item, *item.get("under", []))}
    assert (shown["In review"]["n"], shown["Question"]["n"], shown["Approval"]["n"]) == ("3", "2", "1")
    for item in context["rail"]:
        for link in (item, *item.get("under", [])):
            listed = ana.get(f"/w/{workspace.pk}/backlog/?{link['query']}").context
            assert link["n"] == str(listed["matching"]) == str(len(listed["rows"])), link
    assert "Question" not in {row["word"] for row in ana.get(f"/w/{workspace.pk}/backlog/?q=nothing").context["rail"]}
    metrics = {(group.status, group.reason): group.number for group in entry_counts.of(Entry.objects.all(), "all")}
    assert metrics["pending", "waiting_for_answer"] == 2 and metrics["pending", "waiting_for_approval"] == 1


def test_an_answer_puts_the_entry_back_among_the_ready(ana: Client, workspace: Workspace) -> None:
    before = ana.get(f"/w/{workspace.pk}/").context["tally"]["ready"]
    fresh = an_entry(workspace, content="fresh")
    ask(workspace, fresh.seq)
    assert ana.get(f"/w/{workspace.pk}/").context["tally"]["ready"] == before
    assert "In review" in text_of(ana, f"/w/{workspace.pk}/backlog/?view=graph&q=fresh")
    Question.objects.update(answer="The first", answered_at=now())
    assert ana.get(f"/w/{workspace.pk}/").context["tally"]["ready"] == before + 1


def test_a_ready_entry_shows_the_reason_of_explain(ana: Client, workspace: Workspace) -> None:
    one_in_each_state(workspace)
    control.pause(workspace.pk, by=seed.ANA)
    ready = next(entry for entry in Entry.objects.filter(workspace=workspace) if entry_state.group(entry) == "ready")
    seen = text_of(ana, f"/w/{workspace.pk}/backlog/{ready.pk}/")
    why = explain.reasons(workspace.pk, [ready.pk])[ready.pk].why
    assert "Ready</span>" in seen and why is not None and why.message in seen


def test_rounds_before_a_reopen_are_not_hidden(ana: Client, workspace: Workspace) -> None:
    entry = next(
        entry
        for entry in Entry.objects.filter(workspace=workspace)
        if entry.rounds.filter(ended_at=None).count() == 0 and entry.rounds.count()
    )
    Entry.objects.filter(pk=entry.pk).update(rounds_completed=0, budget_rounds=5)
    seen = text_of(ana, f"/w/{workspace.pk}/backlog/{entry.pk}/")
    assert f"{entry.rounds.count()} made in all" in seen


def test_alerts_of_the_banner_are_on_the_attention_list(ana: Client, workspace: Workspace) -> None:
    Executor.objects.filter(pk=workspace.pk).update(
        repository_code="missing",
        repository_message="It is gone: put it back.",
        repository_since=now(),
    )
    an_open_breaker(workspace, message="No login.")
    workspace.project.__class__.objects.filter(pk=workspace.pk).update(max_project_spend=0)
    context = ana.get(f"/w/{workspace.pk}/").context
    sentences = [item.pieces[0][0] for item in context["needs"]]
    assert context["alert"].sentence in sentences and "Agents cannot run. No login." in sentences
    assert "Nothing can start. It is gone: put it back." in sentences
    assert "It is gone: put it back." in text_of(ana, f"/w/{workspace.pk}/settings/executor/")


def test_a_base_branch_that_cannot_be_merged_and_a_failed_push_need_attention(ana: Client, workspace: Workspace) -> None:
    Integration.objects.update_or_create(pk=workspace.pk, defaults={"base_problem": "main cannot be merged into x: red\nFAIL"})
    Executor.objects.filter(pk=workspace.pk).update(push_error="rejected")
    needs = ana.get(f"/w/{workspace.pk}/").context["needs"]
    sentences = [item.pieces[0][0] for item in needs]
    assert "main cannot be merged into x: red" in sentences
    assert any(sentence.startswith("The integration branch could not be pushed") for sentence in sentences)
    assert "rejected" in text_of(ana, f"/w/{workspace.pk}/landing/")


def test_every_badge_has_a_word() -> None:
    assert all(labels.badge(name)[2] for name in ("ready", "pending", "in_progress", "held", "blocked", "failed", "done"))
