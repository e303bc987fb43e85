"""The selection bar: verify again, mark done, budget, delete; all or none, after a question where it cannot be undone."""

import re
from typing import Any

import pytest
from django.test import Client

from orchestration.models import Entry
from tests.dashboard.overview.test_page import in_line
from tests.dashboard.seeds import entries as seed
from workspaces.models import Event, Workspace


def entry(workspace: Workspace, seq: int) -> Entry:
    return Entry.objects.select_related("account").get(workspace=workspace, seq=seq)


def send(client: Client, workspace: Workspace, do: str, *seqs: int, **form_data: Any) -> Any:
    picks = [entry(workspace, seq).pk for seq in seqs]
    next_ = f"/w/{workspace.pk}/entries/"
    return client.post(f"/w/{workspace.pk}/entries/bulk/", {"pick": picks, "do": do, "next": next_} | form_data)


def agreed(client: Client, workspace: Workspace, question: Any) -> Any:
    """The question's own form."""
    assert question.status_code == 409
    values = question.context["confirmation"]["fields"] | {"next": f"/w/{workspace.pk}/entries/"}
    return client.post(f"/w/{workspace.pk}/entries/bulk/", values, follow=True)


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
    assert "bulk-more" not in vera.get(f"/w/{workspace.pk}/entries/").content.decode()
    assert send(vera, workspace, "delete", 10).status_code == 403 and seed.fresh(entry(workspace, 10)).deleted_at is None
