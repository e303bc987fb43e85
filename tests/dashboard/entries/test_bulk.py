"""The selection bar: verify again, mark done, budget, delete; all or none, after a question where it cannot be undone."""

import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from dashboard.entries import bulk_edit, refusals
from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.configuration import workspace_setup
from orchestration.models import Entry
from tests.dashboard.overview.test_page import in_line, text_of
from tests.dashboard.seeds import entries as seed
from tests.factories import a_workspace, some_entries
from workspaces.models import Event, Workspace


def entry(workspace: Workspace, seq: int) -> Entry:
    return Entry.objects.select_related("account").get(workspace=workspace, seq=seq)


def send(client: Client, workspace: Workspace, do: str, *seqs: int, **form_data: Any) -> Any:
    picks = [entry(workspace, seq).pk for seq in seqs]
    next_ = f"/w/{workspace.pk}/backlog/"
    return client.post(f"/w/{workspace.pk}/backlog/bulk/", {"pick": picks, "do": do, "next": next_} | form_data)


def agreed(client: Client, workspace: Workspace, question: Any) -> Any:
    """The question's own form."""
    assert question.status_code == 409
    values = question.context["confirmation"]["fields"] | {"next": f"/w/{workspace.pk}/backlog/"}
    return client.post(f"/w/{workspace.pk}/backlog/bulk/", values, follow=True)


def shown(response: Any) -> str:
    return in_line(response.content.decode())


def test_entries_are_deleted_after_a_question_that_names_them(otto: Client, workspace: Workspace) -> None:
    question = send(otto, workspace, "delete", 10, 11, reason="not needed")
    assert "Delete 2 entries" in shown(question) and "#10 Remove the unused discount table" in shown(question)
    assert entry(workspace, 10).deleted_at is None
    assert "2 entries are deleted" in shown(agreed(otto, workspace, question))
    assert entry(workspace, 10).deleted_at and Event.objects.filter(verb="entry.deleted", reason="not needed").count() == 2


def test_one_that_others_need_keeps_all_and_is_named_by_its_number(otto: Client, workspace: Workspace) -> None:
    response = agreed(otto, workspace, send(otto, workspace, "delete", 3, 10))
    assert "Nothing was changed: 1 of 2 entries cannot be. #3: other entries depend on it: #8, #12" in shown(response)
    assert entry(workspace, 10).deleted_at is None


def test_a_chain_is_deleted_as_a_whole(otto: Client, workspace: Workspace) -> None:
    assert "3 entries are deleted" in shown(agreed(otto, workspace, send(otto, workspace, "delete", 3, 8, 12)))


def test_entries_are_marked_done_after_a_question(otto: Client, workspace: Workspace) -> None:
    response = agreed(otto, workspace, send(otto, workspace, "done", 3, 10))
    assert "2 entries are marked done; nothing was merged" in shown(response) and entry(workspace, 3).status == "done"
    assert entry(workspace, 12).unmet_dependencies == 0


def test_work_is_verified_again_and_an_entry_without_work_is_named(otto: Client, workspace: Workspace) -> None:
    response = otto.get(send(otto, workspace, "verify", 1, 10).url)
    assert "#10: entry has no prior worker session to reverify" in shown(response) and entry(workspace, 1).status == "done"
    assert "1 entry is verified again" in shown(otto.get(send(otto, workspace, "verify", 1).url))
    assert (entry(workspace, 1).status, entry(workspace, 1).next_work) == ("pending", "verify")


def test_a_budget_is_set_for_many_by_those_who_may(ana: Client, otto: Client, workspace: Workspace) -> None:
    assert send(otto, workspace, "budget", 10, budget="2").status_code == 403
    assert "2 entries are given this budget" in shown(ana.get(send(ana, workspace, "budget", 10, 12, budget="$0.50").url))
    assert {(entry(workspace, seq).account.budget, entry(workspace, seq).account.human_locked) for seq in (10, 12)} == {
        (500_000, True)
    }


def test_a_budget_above_the_plan_asks_first(ana: Client, workspace: Workspace) -> None:
    question = send(ana, workspace, "budget", 10, budget="500")
    assert "exceeds the total budget" in shown(question) and entry(workspace, 10).account.budget < 500_000_000
    agreed(ana, workspace, question)
    assert entry(workspace, 10).account.budget == 500_000_000


def test_the_agent_of_many_is_set_all_or_none(otto: Client, workspace: Workspace) -> None:
    assert "bulk-agent" not in text_of(otto, f"/w/{workspace.pk}/backlog/")
    workspace_setup.configure(workspace, {"agents": {"cheap": {"kind": "gemini"}}}, by=seed.ANA)
    assert "bulk-agent" in text_of(otto, f"/w/{workspace.pk}/backlog/")
    assert "2 entries are for the agent cheap now" in shown(otto.get(send(otto, workspace, "agent", 10, 12, agent="cheap").url))
    assert Event.objects.filter(verb="entry.edited", data={"fields": ["agent"]}).count() == 2
    response = otto.get(send(otto, workspace, "agent", 2, 12, agent="default").url)
    assert "#2: the entry is in progress: stop its session first" in shown(response)
    assert "The config has no agent" in shown(otto.get(send(otto, workspace, "agent", 12, agent="gone").url))
    assert [entry(workspace, seq).agent for seq in (2, 10, 12)] == ["", "cheap", "cheap"]
    send(otto, workspace, "agent", 10, 12, agent="default")
    assert entry(workspace, 12).agent == ""


@pytest.mark.parametrize("do", ["hold", "delete"])
def test_an_amount_that_is_none_matters_only_where_it_is_set(otto: Client, workspace: Workspace, do: str) -> None:
    assert send(otto, workspace, do, 12, budget="lots").status_code in (303, 409)


def test_an_empty_budget_is_refused(ana: Client, workspace: Workspace) -> None:
    assert "Write the budget to set" in shown(ana.get(send(ana, workspace, "budget", 10).url))


def test_a_question_is_about_these_entries_only(otto: Client, workspace: Workspace) -> None:
    question = send(otto, workspace, "delete", 10).content.decode()
    token = re.search(r'name="confirm" value="([^"]*)"', question)
    assert token and send(otto, workspace, "delete", 10, 12, confirm=token[1]).status_code == 409


def test_viewers_see_no_bar(vera: Client, workspace: Workspace) -> None:
    assert "bulk-more" not in vera.get(f"/w/{workspace.pk}/backlog/").content.decode()
    assert send(vera, workspace, "delete", 10).status_code == 403 and seed.fresh(entry(workspace, 10)).deleted_at is None


@pytest.mark.parametrize(
    ("do", "fields", "verb"),
    [
        ("hold", {}, "entry.held"),
        ("priority", {"priority": "low"}, "entry.priority_changed"),
        ("budget", {"budget": "0.5"}, "budget.set"),
    ],
)
def test_the_reason_that_was_typed_is_recorded_with_each(
    ana: Client, workspace: Workspace, do: str, fields: dict[str, str], verb: str
) -> None:
    send(ana, workspace, do, 5, 12, reason="agreed on Monday", **fields)
    events = Event.objects.filter(workspace=workspace, reason="agreed on Monday", actor="ana")
    about = {event.object_id for event in events}
    assert about == {entry(workspace, seq).pk for seq in (5, 12)}, list(events.values_list("verb", flat=True))


def test_a_budget_of_nothing_is_one(ana: Client, workspace: Workspace) -> None:
    send(ana, workspace, "budget", 12, budget="0")
    assert (entry(workspace, 12).account.budget, entry(workspace, 12).account.human_locked) == (0, True)


def test_an_entry_of_another_workspace_is_not_changed_and_keeps_all(ana: Client, workspace: Workspace) -> None:
    [theirs] = some_entries(a_workspace(name="Other"), "Theirs")
    picks = [entry(workspace, 5).pk, theirs.pk]
    address = f"/w/{workspace.pk}/backlog/"
    for fields in ({"pick": picks}, {"picks": ",".join(picks)}, {"pick": picks[:1], "picks": picks[1]}):
        seen = shown(ana.post(f"{address}bulk/", {"do": "hold", "next": address} | fields, follow=True))
        assert "An entry is no longer on the backlog: reload the page. Nothing was changed" in seen
    assert {row.status for row in Entry.objects.filter(pk__in=picks)} == {"pending"}


def test_so_many_at_once_and_not_one_more(otto: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_edit, "MAX_ENTRIES", 2)
    everything = {"do": "hold", "all": "1", "next": f"/w/{workspace.pk}/backlog/"}
    address = f"/w/{workspace.pk}/backlog/bulk/"
    seen = shown(otto.post(address, everything | {"matching": "status=open"}, follow=True))
    assert "At most 2 entries at once: narrow the filters" in seen
    assert "At most 2 entries at once: select fewer" in shown(otto.get(send(otto, workspace, "hold", 5, 7, 12).url))
    assert send(otto, workspace, "export", 5, 7).status_code == 200
    send(otto, workspace, "hold", 5, 12)
    assert [entry(workspace, seq).status for seq in (5, 7, 12)] == ["blocked", "pending", "blocked"]


def test_the_number_is_typed_for_more_than_the_limit_and_not_at_it(
    otto: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_edit, "TYPED_ABOVE", 2)
    assert send(otto, workspace, "hold", 5, 12).status_code == 303
    question = send(otto, workspace, "hold", 7, 8, 12)
    context = question.context["confirmation"]
    assert (question.status_code, context["typed"], context["points"], context["title"]) == (
        409,
        "3",
        (),
        "Put on hold 3 entries",
    )
    assert send(otto, workspace, "delete", 10, 11).context["confirmation"]["typed"] == ""


def test_a_question_carries_all_that_was_typed_and_names_the_first_entries(
    ana: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_edit, "MAX_POINTS", 1)
    question = send(ana, workspace, "budget", 12, 10, budget="500", reason="it grew", priority="low").context["confirmation"]
    picks = ",".join(sorted([entry(workspace, 10).pk, entry(workspace, 12).pk]))
    assert {name: value for name, value in question["fields"].items() if name != "confirm"} == {
        "do": "budget", "priority": "low", "agent": "", "reason": "it grew", "budget": "500", "picks": picks}  # fmt: skip
    assert question["points"] == ["#10 Remove the unused discount table"]
    assert question["sentence"].startswith("Each gets this budget, locked against reallocation. ")


def test_an_agreement_to_one_excess_is_none_to_another(ana: Client, workspace: Workspace) -> None:
    agreement = send(ana, workspace, "budget", 10, budget="500").context["confirmation"]["fields"]
    again = ana.post(f"/w/{workspace.pk}/backlog/bulk/", agreement | {"budget": "900"})
    assert again.status_code == 409 and entry(workspace, 10).account.budget < 500_000_000


def test_what_will_be_blocked_again_is_a_warning(otto: Client, workspace: Workspace) -> None:
    for seqs, tone in (((11,), "warn"), ((10,), "good")):
        response = send(otto, workspace, "release", *seqs)
        assert [message.extra_tags for message in get_messages(response.wsgi_request)][-1] == tone, seqs


def test_refusals_name_so_many_entries_and_count_the_rest(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MAX_NAMED", 2)
    refused = [(entry(workspace, seq), "It is done") for seq in (1, 2, 3, 4)]
    assert refusals.of_many(refused, 9) == (
        "Nothing was changed: 4 of 9 entries cannot be. #1: it is done; #2: it is done; and 2 more")  # fmt: skip
    assert refusals.of_many(refused[:2], 9).endswith("#1: it is done; #2: it is done")
    assert refusals.of_many(refused[:1], 1) == "Nothing was changed: 1 of 1 entry cannot be. #1: it is done"
    [theirs] = some_entries(a_workspace(name="Other"), "Theirs")
    message = f"{entry(workspace, 3).pk} waits for {theirs.pk}"
    assert refusals.numbered(workspace.pk, message) == f"#3 waits for {theirs.pk}"


def undone(client: Client, workspace: Workspace, do: str, *seqs: int, **form_data: Any) -> Any:
    """The response to the form that the result line offers; None: it offers none."""
    picks = [entry(workspace, seq).pk for seq in seqs]
    address = f"/w/{workspace.pk}/backlog/bulk/"
    result = client.post(address, {"pick": picks, "do": do} | form_data, headers={"HX-Request": "true"})
    assert result.status_code == 200
    undo = result.context["undo"]
    return undo and (lambda: client.post(undo.action, undo.fields, headers={"HX-Request": "true"}))


def state(workspace: Workspace) -> dict[int, Any]:
    rows = Entry.objects.filter(workspace=workspace, deleted_at__isnull=True)
    return {row.seq: (row.status, row.reason_code, row.priority, row.rounds_completed) for row in rows}


@pytest.mark.parametrize(("do", "more"), [("hold", {}), ("priority", {"priority": "critical"})])
def test_entries_are_as_before_after_undo_unless_one_was_changed_since(
    otto: Client, workspace: Workspace, do: str, more: dict[str, str]
) -> None:
    waiting = [row.seq for row in Entry.objects.filter(workspace=workspace, status="pending", reason_code="")][:3]
    before = state(workspace)
    undo = undone(otto, workspace, do, *waiting, **more)
    assert state(workspace) != before and undo().status_code == 200
    assert state(workspace) == before
    assert undo().status_code == 409, "it is undone already"
    undo = undone(otto, workspace, do, *waiting, **more)
    Entry.objects.filter(workspace=workspace, seq=waiting[0]).update(status="failed", reason_code="unproven", priority=2)
    changed = state(workspace)
    assert undo().status_code == 409 and state(workspace) == changed


def test_resumed_entries_go_back_on_hold_and_a_failed_one_has_no_way_back(otto: Client, workspace: Workspace) -> None:
    waiting = [row.seq for row in Entry.objects.filter(workspace=workspace, status="pending", reason_code="")][:2]
    send(otto, workspace, "hold", *waiting)
    before = state(workspace)
    assert undone(otto, workspace, "release", *waiting)().status_code == 200 and state(workspace) == before
    Entry.objects.filter(workspace=workspace, seq=waiting[0]).update(status="failed", reason_code="rounds_exhausted")
    assert undone(otto, workspace, "release", *waiting) is None


def test_a_changed_priority_of_children_comes_back_too(otto: Client, workspace: Workspace) -> None:
    above = entry(workspace, 10)
    below = splitting.split(above, [Draft("First half"), Draft("Second half")], by=seed.ANA)
    Entry.objects.filter(pk=below[0].pk).update(priority=0)
    before = state(workspace)
    assert undone(otto, workspace, "priority", above.seq, priority="low")().status_code == 200
    assert state(workspace) == before
