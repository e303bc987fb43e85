"""The list of entries: reasons, search, counts, pagination and bulk edits."""

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client

from budget.amounts import usd
from budget.models import Account
from orchestration.backlog import dependencies, entries
from orchestration.backlog.entries import Draft
from orchestration.backlog.rules import status_groups
from orchestration.executor import control, explain
from orchestration.models import Entry, Executor
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.factories import CLOSED, an_entry
from workspaces.models import Workspace


def at(workspace: Workspace, tail: str = "") -> str:
    return f"/w/{workspace.pk}/backlog/{tail}"


def csv_rows(client: Client, workspace: Workspace, **query: str) -> list[dict[str, str]]:
    response = client.get(at(workspace), query | {"format": "csv"})
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))  # type: ignore[attr-defined]


def walk(client: Client, workspace: Workspace, **query: str) -> list[str]:
    seen, cursor = [], {}
    while True:
        context = client.get(at(workspace), query | cursor).context
        seen += [row["entry"].pk for row in context["rows"]]
        if not context["cut"].after:
            return seen
        cursor = {"after": context["cut"].after}


def rail(client: Client, workspace: Workspace, **query: str) -> dict[str, str]:
    context = client.get(at(workspace), query).context
    return {link["word"]: link["n"] for item in context["rail"] for link in (item, *item.get("under", []))}


def by_seq(workspace: Workspace, seq: int) -> Entry:
    return Entry.objects.select_related("account", "workspace").get(workspace=workspace, seq=seq)


def test_every_waiting_entry_has_a_reason_and_a_time(ana: Client, workspace: Workspace) -> None:
    for row in ana.get(at(workspace)).context["rows"]:
        if row["entry"].status not in ("done", "in_progress"):
            assert "".join(text for text, _ in row["why"]).strip() and row["since"], row["entry"]


def test_files_and_needs_link_to_what_is_in_the_way(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, at(workspace), fragment="entries")
    assert f'Waiting for app/export, locked by <a href="{at(workspace, by_seq(workspace, 4).pk)}/">#4</a>' in seen
    assert f'Failed dependency: <a href="{at(workspace, by_seq(workspace, 3).pk)}/">#3</a>' in seen


def test_common_reasons_are_stated_once_and_own_reasons_in_each_row(ana: Client, workspace: Workspace) -> None:
    an_entry(workspace, content="Free to start")
    control.pause(workspace.pk, by=seed.ANA)
    context = ana.get(at(workspace)).context
    assert context["common_reason"] == "the executor is paused"
    parked = next(row for row in context["rows"] if row["entry"].seq == 5)
    assert parked["code"] == "files_locked" and parked["more_reasons"] == []
    assert parked["detail"] == parked["why"]
    paused = [row for row in context["rows"] if row["code"] == "executor_paused"]
    assert paused and all(row["chip"] and not row["detail"] for row in paused)


def test_a_sentence_that_only_repeats_its_chip_is_left_out(ana: Client, workspace: Workspace) -> None:
    for message, is_shown in (("", False), ("On hold.", False), ("Put on hold by ana", True)):
        entry = by_seq(workspace, 10)
        Entry.objects.filter(pk=entry.pk).update(status="blocked", reason_code="human_hold", reason_message=message)
        row = next(row for row in ana.get(at(workspace)).context["rows"] if row["entry"].seq == 10)
        assert (row["chip"], bool(row["detail"])) == ("On hold", is_shown)


def test_only_the_first_entries_are_announced_to_start(ana: Client) -> None:
    workspace = seed.empty(cap="9000", budget="9000")
    seed.plenty(workspace, 120)
    seed.worker()
    control.start(workspace.pk, by=seed.ANA)
    late = ana.get(at(workspace), {"sort": "-seq"}).context["rows"]
    early = ana.get(at(workspace)).context["rows"]
    assert sum("starts in the next cycle" in row["why"][0][0] for row in early) == 3
    assert not any("starts in the next cycle" in row["why"][0][0] for row in late)


def test_stored_reasons_are_those_that_the_checks_give(ana: Client, workspace: Workspace) -> None:
    """standing.py and plan.checks may not drift apart."""
    Entry.objects.filter(workspace=workspace, seq=7).update(not_before="2999-01-01T00:00:00Z")
    _, explained = explain.explain(workspace.pk)
    stored = dict(Entry.objects.filter(workspace=workspace).annotate(code=status_groups.REASON).values_list("pk", "code"))
    for item in explained:
        own = next((check.code for check in item.checks if not check.passed and not check.common), "")
        assert stored[item.entry.id] == own, item.entry.seq


def test_the_rail_counts_what_its_links_show(ana: Client, workspace: Workspace) -> None:
    for query in ({}, {"q": "app"}, {"status": "blocked"}, {"locked": "1"}):
        for item in ana.get(at(workspace), query).context["rail"]:
            for link in (item, *item.get("under", [])):
                shown = ana.get(f"{at(workspace)}?{link['query']}").context
                assert link["n"] == str(shown["matching"]) == str(len(shown["rows"])), link


def test_the_graph_calls_an_entry_what_the_table_calls_it(ana: Client, workspace: Workspace) -> None:
    assert ">On hold<" in text_of(ana, f"/w/{workspace.pk}/backlog/", q="#10")
    held = Entry.objects.get(workspace=workspace, seq=10)
    dependencies.depend(held, Entry.objects.get(workspace=workspace, seq=11), by=seed.ANA)
    assert ">On hold<" in text_of(ana, f"/w/{workspace.pk}/backlog/", q="#10", view="graph")


def test_the_rail_follows_the_other_filters(ana: Client, workspace: Workspace) -> None:
    assert rail(ana, workspace)["Blocked"] == "4" and rail(ana, workspace)["File lock"] == "2"
    narrowed = rail(ana, workspace, q="file:app/export", status="done")
    assert narrowed["All"] == "2" and narrowed["In progress"] == "1" and narrowed["File lock"] == "1"


def test_three_ways_to_be_empty(ana: Client, workspace: Workspace) -> None:
    assert "There are no entries yet" in text_of(ana, at(seed.empty("Other")))
    assert "Clear filters" in text_of(ana, at(workspace), q="no such words", fragment="entries")
    Entry.objects.filter(workspace=workspace, status="failed").update(**CLOSED)
    good = text_of(ana, at(workspace), status="failed", fragment="entries")
    assert "No failed entries." in good and "No entry matches" not in good


@pytest.mark.parametrize("sort", ["", "-seq", "priority", "-score", "score", "-spent", "rounds", "-updated", "updated"])
def test_every_entry_is_on_one_page(ana: Client, sort: str) -> None:
    workspace = seed.empty(cap="9000", budget="9000")
    created = seed.plenty(workspace, 170)
    Entry.objects.filter(workspace=workspace).update(updated_at="2026-11-25T10:00:00Z")
    Entry.objects.filter(pk__in=[entry.pk for entry in created[:60]]).update(score=0.1 + 0.2)
    Entry.objects.filter(pk=created[3].pk).update(score=1, updated_at="2026-11-25T10:00:00.123Z")
    seen = walk(ana, workspace, sort=sort)
    assert len(seen) == len(set(seen)) == 170
    if sort == "-score":
        assert seen[0] == created[3].pk and seen[-1] == created[60].pk


def test_back_and_forth_show_the_same_page(ana: Client) -> None:
    workspace = seed.empty(cap="9000", budget="9000")
    seed.plenty(workspace, 120)
    first = ana.get(at(workspace), {"sort": "-score"}).context
    second = ana.get(at(workspace), {"sort": "-score", "after": first["cut"].after}).context
    again = ana.get(at(workspace), {"sort": "-score", "before": second["cut"].before}).context
    assert [row["entry"].pk for row in again["rows"]] == [row["entry"].pk for row in first["rows"]]


def test_the_column_head_shows_the_sort_order(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, at(workspace), sort="-spent", fragment="entries")
    assert seen.count("aria-sort") == 1 and 'aria-sort="descending"><a href="?sort=spent">' in seen


@pytest.mark.parametrize("query", [{}, {"status": "blocked"}, {"q": "spent:>0"}, {"sort": "-spent"}])
def test_the_csv_has_the_filtered_rows(ana: Client, workspace: Workspace, query: dict[str, str]) -> None:
    context = ana.get(at(workspace), query).context
    assert [int(row["number"]) for row in csv_rows(ana, workspace, **query)] == [row["entry"].seq for row in context["rows"]]


def test_the_csv_is_safe_and_exact(ana: Client, workspace: Workspace) -> None:
    entries.add(workspace.pk, [Draft("=cmd|' /C calc'!A0\nmore", budget=3_200)], by=seed.ANA)
    last = next(row for row in csv_rows(ana, workspace) if row["number"] == "13")
    assert last["title"] == "'=cmd|' /C calc'!A0" and last["budget_usd"] == "0.0032"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", last["created_at"])


@pytest.mark.parametrize("query", [{}, {"fragment": "entries"}, {"q": "many spent:<5"}, {"view": "graph"}])
def test_ten_and_five_hundred_take_the_same_queries(ana: Client, query: dict[str, str]) -> None:
    few, many = (seed.empty(name, cap="9000", budget="9000") for name in ("Few", "Many"))
    seed.plenty(few, 10)
    seed.plenty(many, 500)
    assert statements(ana, at(few), **query) == statements(ana, at(many), **query) <= 12


def act(client: Client, workspace: Workspace, seqs: list[int], **form_data: Any) -> Any:
    picks = list(Entry.objects.filter(workspace=workspace, seq__in=seqs).values_list("pk", flat=True))
    return client.post(at(workspace, "bulk/"), {"pick": picks, "next": at(workspace)} | form_data, follow=True)


def test_many_are_held_and_released(otto: Client, workspace: Workspace) -> None:
    assert "2 entries are on hold" in in_line(act(otto, workspace, [5, 7], do="hold", reason="after the review").content.decode())
    assert by_seq(workspace, 5).reason_message == "after the review"
    assert "3 entries are back in line" in in_line(act(otto, workspace, [5, 7, 10], do="release").content.decode())
    assert by_seq(workspace, 10).status == "pending"


def test_all_or_none_with_the_reason_of_each(otto: Client, workspace: Workspace) -> None:
    seen = in_line(act(otto, workspace, [1, 2, 5], do="hold").content.decode())
    assert "Nothing was changed: 2 of 3 entries cannot be. #1: the entry is done already; #2: the entry is in progress" in seen
    assert by_seq(workspace, 5).status == "pending"


def test_priority_of_many(otto: Client, workspace: Workspace) -> None:
    assert "2 entries are of critical priority now" in in_line(
        act(otto, workspace, [5, 7], do="priority", priority="critical").content.decode()
    )
    assert by_seq(workspace, 7).priority == 0


def test_more_than_fifty_are_confirmed_by_their_number(ana: Client) -> None:
    workspace = seed.empty(cap="9000", budget="9000")
    seed.plenty(workspace, 60)
    form_data = {"do": "hold", "all": "1", "matching": "q=many", "next": at(workspace)}
    confirmation = ana.post(at(workspace, "bulk/"), form_data)
    assert confirmation.status_code == 409 and "Type 60 to continue" in in_line(confirmation.content.decode())
    assert not Entry.objects.filter(workspace=workspace, status="blocked").exists()
    fields = confirmation.context["confirmation"]["fields"]
    assert ana.post(at(workspace, "bulk/"), fields | {"typed": "59"}).status_code == 409
    assert ana.post(at(workspace, "bulk/"), fields | {"typed": "60"}).status_code == 303
    assert Entry.objects.filter(workspace=workspace, reason_code="human_hold").count() == 60


def test_all_that_match_are_those_of_the_filter(otto: Client, workspace: Workspace) -> None:
    otto.post(
        at(workspace, "bulk/"), {"do": "priority", "priority": "low", "all": "1", "matching": "q=file%3Aexport&status=waiting"}
    )
    assert [entry.seq for entry in Entry.objects.filter(workspace=workspace, priority=3).order_by("seq")] == [5, 8, 10, 11, 12]


def test_the_selected_are_exported(otto: Client, workspace: Workspace) -> None:
    response = act(otto, workspace, [5, 7], do="export")
    assert len(b"".join(response.streaming_content).decode().splitlines()) == 3


@pytest.mark.parametrize(
    "query", [{}, {"do": "dance"}, {"do": "priority"}, {"do": "priority", "priority": "x"}, {"do": "hold", "matching": "\x00"}]
)
def test_odd_orders_change_nothing(otto: Client, workspace: Workspace, query: dict[str, str]) -> None:
    before = list(Entry.objects.order_by("pk").values("status", "priority"))
    assert (
        otto.post(at(workspace, "bulk/"), query | {"pick": ["x\x00", "entry_nothing"], "next": at(workspace)}).status_code == 303
    )
    assert list(Entry.objects.order_by("pk").values("status", "priority")) == before


def test_a_viewer_has_no_controls_and_may_do_nothing(vera: Client, workspace: Workspace) -> None:
    seen = text_of(vera, at(workspace))
    assert 'type="checkbox"' not in seen and "backlog/bulk/" not in seen and "backlog/new/" not in seen
    assert act(vera, workspace, [5], do="hold").status_code == 403
    assert vera.get(at(workspace, "new/")).status_code == vera.post(at(workspace, "plans/import/"), {}).status_code == 403


def test_what_agents_write_is_text(ana: Client, workspace: Workspace) -> None:
    for view in ("", "graph"):
        seen = text_of(ana, at(workspace), view=view, q="script")
        assert "<script>alert" not in seen and " style=" not in seen and seen.count("<script") == seen.count("<script src=")


def test_a_list_of_another_workspace_is_not_there(nils: Client, workspace: Workspace) -> None:
    assert nils.get(at(workspace)).status_code == nils.get(at(workspace), {"format": "csv"}).status_code == 404


def test_a_page_of_fifty_is_light(ana: Client) -> None:
    """Elements, as the browser counts them: journeys measure the whole page; this test fails earlier."""
    workspace = seed.empty(cap="9000", budget="9000")
    seed.plenty(workspace, 80)
    Account.objects.filter(project_id=workspace.pk).update(spent=usd("0.9"))
    seen = text_of(ana, at(workspace))
    assert len(re.findall(r"<[a-z]", seen)) <= 1400
    assert Executor.objects.get(pk=workspace.pk).state == "stopped"


def test_more_ticks_than_a_database_takes_are_refused(otto: Client, workspace: Workspace) -> None:
    picks = ",".join(f"{n:x}" for n in range(150_000))
    for do in ("hold", "export"):
        response = otto.post(f"/w/{workspace.pk}/backlog/bulk/", {"do": do, "picks": picks}, headers={"HX-Request": "true"})
        assert response.status_code == 422 and "At most 500 entries at once" in in_line(response.content.decode())


def test_groups_are_shown_and_filter_with_those_below_them(otto: Client, workspace: Workspace) -> None:
    for seq, group in ((5, "Export"), (7, "Export / CSV"), (10, "Clean up")):
        Entry.objects.filter(workspace=workspace, seq=seq).update(group=group)
    seen = in_line(text_of(otto, at(workspace)))
    assert "<summary>Groups</summary>" in seen and '<a href="?group=Export+%2F+CSV">Export / CSV</a>' in seen
    seen = in_line(text_of(otto, at(workspace), group="Export"))
    assert (
        "2 entries" in seen
        and "in the group Export" in seen
        and 'id="e5"' in seen
        and 'id="e7"' in seen
        and 'id="e10"' not in seen
    )
    seen = text_of(otto, at(workspace), q='group:"Export / CSV"')
    assert 'id="e7"' in seen and 'id="e5"' not in seen


def test_the_empty_group_in_review_leads_to_the_rules_of_approval(ana: Client, otto: Client, workspace: Workspace) -> None:
    for client, may_choose in ((ana, True), (otto, False)):
        seen = text_of(client, at(workspace), status="review")
        assert "Work comes here when it waits for a person" in seen
        assert (f'href="/w/{workspace.pk}/settings/config/#approve-h"' in seen) == may_choose


def test_an_entry_without_money_for_a_round_is_not_called_ready(ana: Client, workspace: Workspace) -> None:
    entries.add(workspace.pk, [Draft("Poor", budget=20_000)], by=seed.ANA, blocks_poor=True)
    seen = ana.get(at(workspace), {"q": "Poor"}).context["rows"]
    assert [row["badge"] for row in seen] == ["blocked"] and "a round needs" in "".join(text for text, _ in seen[0]["why"])
