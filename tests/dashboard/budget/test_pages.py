"""The budget pages: content, filters, pagination and roles."""

import csv
import io
import re

import pytest
from django.test import Client
from django.utils.timezone import now

from budget import amounts
from budget.amounts import usd
from budget.forecast import projection, record
from budget.models import Account, BudgetChange, Category, LedgerEntry, Project
from orchestration.models import Entry, Executor, Round
from tests.dashboard.conftest import client_of
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds import money as seed_money
from tests.dashboard.seeds.money_cast import PAGES, at, bea, day, entry
from workspaces.models import Workspace

__all__ = ["bea", "day"]


def rows_of(client: Client, address: str, **query: str) -> list[dict[str, str]]:
    response = client.get(address, query | {"format": "csv"})
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def walk(client: Client, address: str, name: str, **query: str) -> list[str]:
    """The keys of every row, page by page."""
    seen, cursor = [], {}
    while True:
        page = client.get(address, query | cursor)
        seen += [
            (row["entry"] if "entry" in row and name == "budgets" else row.get("row") or row["change"]).pk
            for row in page.context[name]
        ]
        if not page.context["cut"].after:
            return seen
        cursor = {"after": page.context["cut"].after}


def test_the_overview_has_a_summary_sentence(bea: Client, day: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    spent = amounts.format_usd(Project.objects.get(pk=day.pk).total_spent)
    assert f"{spent} of $60.00 spent. <span>No forecast: not enough data yet (" in text_of(bea, at(day))
    monkeypatch.setattr(projection, "MIN_ROUNDS", 3)
    record.refresh(day.pk)
    seen = text_of(bea, at(day))
    assert "All of it will have cost about $" in seen and "work stops at $60.00." in seen
    assert f">{spent}</strong> (52 %)" in seen and "an active hour the cap is reached about" in seen
    assert "When the open backlog is done, all will have cost ≈ $" in seen
    for fact in (
        "dispatch stops at $60.00",
        "dispatch would stop here",
        "Median spend per hour",
        "bea set cap from $50.00 to $60.00: for this week",
    ):
        assert fact in seen, fact


def test_the_total_is_the_same_everywhere(bea: Client, day: Workspace) -> None:
    total = Project.objects.get(pk=day.pk).total_spent
    exact = f'data-value="{total}"'
    assert text_of(bea, at(day), fragment="by-category").count(exact) and exact in text_of(bea, at(day), fragment="summary")
    assert f'{exact} id="ledger-total">{amounts.format_usd(total)}<' in text_of(bea, at(day, "ledger/"))
    assert sum(usd(row["amount_usd"]) for row in rows_of(bea, at(day, "ledger/"))) == total
    assert amounts.format_usd(total) in text_of(bea, at(day), fragment="header")


def test_the_share_of_steering_follows_the_categories_with_its_limit(bea: Client, day: Workspace) -> None:
    money = Project.objects.get(pk=day.pk)
    spent, total = amounts.format_usd(money.steering_spent), amounts.format_usd(money.total_spent)
    assert f"is {spent} of {total}: {100 * money.steering_share:.0f} % of all spend." in in_line(text_of(bea, at(day)))
    executor = Executor.objects.get(pk=day.pk)
    Executor.objects.filter(pk=day.pk).update(config={**executor.config, "max_steering_share": 0.15})
    assert "Above 15 % no run starts." in text_of(bea, at(day))


def test_categories_as_shown_add_up_to_the_total_as_shown(bea: Client, day: Workspace) -> None:
    context = bea.get(at(day)).context
    shown = [usd(row["spent"].strip("$")) for row in context["categories"]]
    assert sum(shown) == usd(context["sums"]["spent"].strip("$")) and "Unattributed" not in text_of(bea, at(day))


@pytest.mark.parametrize("span", ["24h", "7d", "all"])
def test_the_burnup_ends_with_what_is_spent_whatever_its_range(bea: Client, day: Workspace, span: str) -> None:
    table = bea.get(at(day), {"range": span}).context["burnup_table"]
    assert table.exact[-1][-1] == Project.objects.get(pk=day.pk).total_spent
    assert len(table.rows) <= 66 and [row[-1] for row in table.exact] == sorted(row[-1] for row in table.exact)


def test_thin_data_and_a_pause_are_reported(bea: Client, day: Workspace) -> None:
    Executor.objects.filter(pk=day.pk).update(state="paused")
    assert "paused: no projected spend" in text_of(bea, at(day), fragment="over-time")
    fresh = seed.empty("Fresh")
    Executor.objects.filter(pk=fresh.pk).update(state="running")
    seen = text_of(client_of("ben", "viewer", fresh), at(fresh))
    assert "Not enough data yet (0 of 10 rounds)" in seen and "dispatch would stop here" not in seen


def test_the_most_expensive_rounds_lead_to_what_they_changed(bea: Client, day: Workspace) -> None:
    Round.objects.filter(entry=entry(day, 3), number=3).update(diffstat={"files": 2, "insertions": 61, "deletions": 3})
    seen = text_of(bea, at(day, "rounds/"), fragment="rounds")
    costs = [int(cost) for cost in re.findall(r'data-value="(\d+)"', seen)]
    assert costs == sorted(costs, reverse=True) and costs[0] == usd("3.3") and len(costs) == Round.objects.count()
    most_expensive = f"/w/{day.pk}/backlog/{entry(day, 3).pk}/rounds/3/"
    assert (
        seen.index(f'href="{most_expensive}"') < seen.index("/rounds/1/")
        and f'href="{most_expensive}#diff"' in seen
        and "+61 −3" in seen
    )
    first = rows_of(bea, at(day, "rounds/"))[0]
    assert (first["number"], first["round"], first["cost_usd"], first["insertions"]) == ("3", "3", "3.3", "61")


def test_a_round_of_an_entry_off_the_backlog_is_not_listed(bea: Client, day: Workspace) -> None:
    Entry.objects.filter(pk=entry(day, 3).pk).update(deleted_at=now())
    assert entry(day, 3).pk not in text_of(bea, at(day, "rounds/"))
    none = seed.empty("Nothing")
    assert "No rounds yet" in text_of(client_of("ben", "viewer", none), at(none, "rounds/"))


def test_the_three_ways_of_being_empty_differ(bea: Client, day: Workspace) -> None:
    Account.objects.filter(project_id=day.pk).update(budget=usd(100))
    assert "No entry is over its budget" in text_of(bea, at(day, "entries/"), over="1")
    assert "Clear filters" in text_of(bea, at(day, "entries/"), q="no such words")
    none = seed.empty("Nothing")
    assert "There are no entries yet" in text_of(client_of("ben", "budget", none), at(none, "entries/"))


def test_filters_narrow_the_entries(bea: Client, day: Workspace) -> None:
    assert set(walk(bea, at(day, "entries/"), "budgets", over="1")) == {entry(day, 2).pk, entry(day, 3).pk}
    assert set(walk(bea, at(day, "entries/"), "budgets", locked="1")) == {entry(day, 3).pk, entry(day, 11).pk}
    assert walk(bea, at(day, "entries/"), "budgets", q="#7") == [entry(day, 7).pk]


def test_what_does_not_fit_in_the_address_is_named_and_ignored(bea: Client, day: Workspace) -> None:
    for tail in ("entries/", "ledger/", "changes/"):
        seen = text_of(bea, at(day, tail), dancing="1", after="x_y", entry="';--", sort="<b>")
        assert "Ignored in the address:" in seen and "<b>" not in seen


@pytest.mark.parametrize("sort", ["", "spent", "-spent", "budget", "-budget", "left", "-left", "-seq"])
def test_every_entry_comes_once_whatever_the_order(ana: Client, sort: str) -> None:
    workspace = seed.empty()
    seed.plenty(workspace, 120)
    seen = walk(ana, at(workspace, "entries/"), "budgets", sort=sort)
    assert len(seen) == len(set(seen)) == 120


def test_going_back_shows_the_page_before(ana: Client) -> None:
    workspace = seed.empty()
    seed.plenty(workspace, 120)
    first = ana.get(at(workspace, "entries/"))
    second = ana.get(at(workspace, "entries/"), {"after": first.context["cut"].after})
    back = ana.get(at(workspace, "entries/"), {"before": second.context["cut"].before})
    assert [row["entry"].pk for row in back.context["budgets"]] == [row["entry"].pk for row in first.context["budgets"]]
    assert not back.context["cut"].before


def test_the_sorted_column_is_marked(bea: Client, day: Workspace) -> None:
    seen = text_of(bea, at(day, "entries/"), sort="-spent")
    assert seen.count("aria-sort") == 1 and 'aria-sort="descending"><a href="?sort=spent"' in seen


def test_every_row_of_the_ledger_comes_once(bea: Client, day: Workspace) -> None:
    seen = walk(bea, at(day, "ledger/"), "rows")
    assert len(seen) == len(set(seen)) == LedgerEntry.objects.filter(project_id=day.pk).count() > 100


def test_the_ledger_is_filtered_and_summed(bea: Client, day: Workspace) -> None:
    response = bea.get(at(day, "ledger/"), {"category": "expansion"})
    assert response.context["totals"] == {"rows": 6, "counted": "6", "amount": usd("1.86")}
    assert bea.get(at(day, "ledger/"), {"entry": "#4", "category": "entry"}).context["totals"]["amount"] == usd("0.61")
    assert bea.get(at(day, "ledger/"), {"from": "2999-01-01"}).context["totals"]["rows"] == 0
    assert bea.get(at(day, "ledger/"), {"to": "2000-01-01"}).context["filtered"]


def test_csv_has_the_rows_of_the_filter(bea: Client, day: Workspace) -> None:
    assert len(rows_of(bea, at(day, "ledger/"), category="expansion")) == 6
    assert len(rows_of(bea, at(day, "entries/"), locked="1")) == 2 and len(rows_of(bea, at(day, "entries/"))) == 12
    assert len(rows_of(bea, at(day, "changes/"), source="human")) == BudgetChange.objects.filter(project_id=day.pk).count()


def test_csv_is_raw_and_runs_nothing(bea: Client, day: Workspace) -> None:
    Entry.objects.filter(pk=entry(day, 4).pk).update(content="=1+1")
    row = rows_of(bea, at(day, "entries/"), q="#4")[0]
    assert row["title"] == "'=1+1" and row["spent_usd"] == "0.61" and row["left_usd"].lstrip("-").replace(".", "").isdigit()
    assert rows_of(bea, at(day, "ledger/"))[0]["at"].endswith("+00:00")


def test_an_unknown_cost_is_marked(bea: Client, day: Workspace) -> None:
    row = seed_money.book(day, entry(day, 4), "0.5", Category.ENTRY, hours=0, round=1)
    unknown = LedgerEntry.objects.create(
        project_id=day.pk,
        account_id=row.account_id,
        event_key="unknown",
        category="entry",
        round=1,
        amount=5,
        price_source="computed",
        actor="muster",
    )
    seen = text_of(bea, at(day, "ledger/"))
    assert "cost not reported" in seen and f'id="row-{unknown.pk}"' in seen


def test_an_entry_without_a_budget_names_what_binds_it(bea: Client, day: Workspace) -> None:
    left = amounts.format_usd(Project.objects.get(pk=day.pk).headroom)
    assert f"the cap: {left} left" in text_of(bea, at(day, "entries/"), q="#12")
    assert f"No budget of its own: limited by the cap, {left} left" in text_of(
        bea, f"/w/{day.pk}/backlog/{entry(day, 12).pk}/", tab="budget"
    )


def test_the_entry_page_shows_cost_with_improvement(bea: Client, day: Workspace) -> None:
    page = bea.get(f"/w/{day.pk}/backlog/{entry(day, 2).pk}/")
    assert [row[0] for row in page.context["rounds_table"].rows] == ["1", "2", "3", "4", "5"]
    assert page.context["rounds_table"].foot[-1] == "$8.37" and "Median $1.84" in in_line(page.content.decode())


def test_a_cell_is_changed_without_script_too(bea: Client, day: Workspace) -> None:
    target = entry(day, 5)
    assert f'id="amount-{target.pk}"' in text_of(bea, at(day, "entries/"), edit=target.pk)
    assert f'id="why-{entry(day, 3).pk}"' in text_of(bea, at(day, "entries/"), release=entry(day, 3).pk)
    assert "<html" not in text_of(bea, at(day, "entries/"), fragment="edit", edit=target.pk)


def test_each_page_is_a_fixed_number_of_queries(ana: Client, day: Workspace) -> None:
    few, many = seed.empty("Few"), seed.empty("Many")
    seed.plenty(few, 10)
    seed.plenty(many, 500)
    for tail in PAGES[:5]:
        counts = [statements(client_of("bea", "budget", each), at(each, tail)) for each in (few, many)]
        assert counts[0] == counts[1] <= 13, (tail, counts)
    assert statements(client_of("bea", "budget", day), at(day)) <= 13


def test_a_page_of_fifty_budgets_stays_small(day: Workspace) -> None:
    many = seed.empty("Many")
    seed.plenty(many, 60)
    Account.objects.filter(project_id=many.pk).update(spent=usd(1), human_locked=True, locked_by="bea", locked_reason="ours")
    seen = text_of(client_of("bea", "budget", many), at(many, "entries/"))
    assert seen.count('id="row-') == 50 and len(re.findall(r"<[a-z]", seen)) < 1_400, len(re.findall(r"<[a-z]", seen))


@pytest.mark.parametrize("tail", PAGES)
def test_no_page_has_inline_script_or_style(bea: Client, day: Workspace, tail: str) -> None:
    seen = text_of(bea, at(day, tail))
    assert "<style" not in seen and " style=" not in seen and "hx-on" not in seen and "<script>alert" not in seen
    assert seen.count("<script") == seen.count("<script src=")


@pytest.mark.parametrize("fragment", ["summary", "caps", "over-time", "by-category", "top", "allocation", "log"])
def test_a_region_of_the_overview_fetches_itself_alone(bea: Client, day: Workspace, fragment: str) -> None:
    seen = text_of(bea, at(day), fragment=fragment)
    assert f'id="{fragment}"' in seen and "<html" not in seen


def test_what_is_not_ones_own_does_not_exist(nils: Client, day: Workspace) -> None:
    for tail in PAGES:
        assert nils.get(at(day, tail)).status_code == 404


def test_every_page_of_the_money_leads_to_every_other(bea: Client, day: Workspace) -> None:
    tabs = [at(day, tail) for tail in ("", "entries/", "rounds/", "changes/", "estimates/")]
    pages = [at(day, tail) for tail in ("", "insight/", "ledger/", "reviews/")]
    for address in dict.fromkeys([*tabs, *pages]):
        seen = text_of(bea, address)
        for label, links in (("Main", pages), ("Budget", tabs)):
            if label == "Main" or address in tabs:
                nav = seen[seen.index(f'aria-label="{label}">') :].partition("</nav>")[0]
                assert all(f'href="{link}"' in nav for link in links), (address, label)
                assert re.search(rf'href="{address}"[^>]* aria-current="page"', nav) or address not in links, (address, label)
