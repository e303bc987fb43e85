"""The pages of the money: what they show, how they are filtered and paged, and who may change what."""

import csv
import io

import pytest
from django.test import Client

from budget import caps, money
from budget.models import Account, BudgetChange, Category, LedgerEntry, Project
from budget.money import usd
from orchestration.models import Entry, Executor
from tests.pages import seed, seed_money
from tests.pages.conftest import client_of
from tests.pages.test_workspace_page import statements, text_of
from workspaces.models import Event, Workspace

HTMX = {"HX-Request": "true"}
PAGES = ("", "entries/", "ledger/", "changes/", "reallocate/")


@pytest.fixture
def day(db: None) -> Workspace:
    return seed_money.a_day()


@pytest.fixture
def bea(day: Workspace) -> Client:
    return client_of("bea", "budget", day)


@pytest.fixture
def vera(day: Workspace) -> Client:
    return client_of("vera", "viewer", day)


def at(workspace: Workspace, tail: str = "") -> str:
    return f"/w/{workspace.pk}/budget/{tail}"


def entry(workspace: Workspace, seq: int) -> Entry:
    return Entry.objects.select_related("account").get(workspace=workspace, seq=seq)


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
            (row["entry"] if "entry" in row and name == "purses" else row.get("row") or row["change"]).pk
            for row in page.context[name]
        ]
        if not page.context["cut"].after:
            return seen
        cursor = {"after": page.context["cut"].after}


def test_the_overview_says_it_in_a_sentence(bea: Client, day: Workspace) -> None:
    seen = text_of(bea, at(day))
    spent = money.text(Project.objects.get(pk=day.pk).total_spent)
    assert f">{spent}</strong> of $60.00 (52 %)" in seen and "an active hour the cap is reached about" in seen
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
    assert f'{exact} id="ledger-total">{money.text(total)}<' in text_of(bea, at(day, "ledger/"))
    assert sum(usd(row["amount_usd"]) for row in rows_of(bea, at(day, "ledger/"))) == total
    assert money.text(total) in text_of(bea, at(day), fragment="strip")


def test_categories_as_shown_add_up_to_the_total_as_shown(bea: Client, day: Workspace) -> None:
    context = bea.get(at(day)).context
    shown = [usd(row["spent"].strip("$")) for row in context["categories"]]
    assert sum(shown) == usd(context["sums"]["spent"].strip("$")) and "Unattributed" not in text_of(bea, at(day))


@pytest.mark.parametrize("span", ["24h", "7d", "all"])
def test_the_burnup_ends_with_what_is_spent_whatever_its_range(bea: Client, day: Workspace, span: str) -> None:
    table = bea.get(at(day), {"range": span}).context["burnup_table"]
    assert table.exact[-1][-1] == Project.objects.get(pk=day.pk).total_spent
    assert len(table.rows) <= 66 and [row[-1] for row in table.exact] == sorted(row[-1] for row in table.exact)


def test_thin_data_and_a_pause_are_said(bea: Client, day: Workspace) -> None:
    Executor.objects.filter(pk=day.pk).update(state="paused")
    assert "paused: no projected spend" in text_of(bea, at(day), fragment="over-time")
    fresh = seed.empty("Fresh")
    Executor.objects.filter(pk=fresh.pk).update(state="running")
    seen = text_of(client_of("ben", "viewer", fresh), at(fresh))
    assert "Not enough data yet (0 of 3 rounds)" in seen and "dispatch would stop here" not in seen


def test_the_three_ways_of_being_empty_differ(bea: Client, day: Workspace) -> None:
    Account.objects.filter(project_id=day.pk).update(budget=usd(100))
    assert "No entry is over its budget" in text_of(bea, at(day, "entries/"), over="1")
    assert "Clear filters" in text_of(bea, at(day, "entries/"), q="no such words")
    none = seed.empty("Nothing")
    assert "There are no entries yet" in text_of(client_of("ben", "budget", none), at(none, "entries/"))


def test_filters_narrow_the_entries(bea: Client, day: Workspace) -> None:
    assert set(walk(bea, at(day, "entries/"), "purses", over="1")) == {entry(day, 2).pk, entry(day, 3).pk}
    assert set(walk(bea, at(day, "entries/"), "purses", locked="1")) == {entry(day, 3).pk, entry(day, 11).pk}
    assert walk(bea, at(day, "entries/"), "purses", q="#7") == [entry(day, 7).pk]


def test_what_does_not_fit_in_the_address_is_named_and_ignored(bea: Client, day: Workspace) -> None:
    for tail in ("entries/", "ledger/", "changes/"):
        seen = text_of(bea, at(day, tail), dancing="1", after="x_y", entry="';--", sort="<b>")
        assert "Ignored in the address:" in seen and "<b>" not in seen


@pytest.mark.parametrize("sort", ["", "spent", "-spent", "budget", "-budget", "left", "-left", "-seq"])
def test_every_entry_comes_once_whatever_the_order(ana: Client, sort: str) -> None:
    workspace = seed.empty()
    seed.plenty(workspace, 120)
    seen = walk(ana, at(workspace, "entries/"), "purses", sort=sort)
    assert len(seen) == len(set(seen)) == 120


def test_going_back_shows_the_page_before(ana: Client) -> None:
    workspace = seed.empty()
    seed.plenty(workspace, 120)
    first = ana.get(at(workspace, "entries/"))
    second = ana.get(at(workspace, "entries/"), {"after": first.context["cut"].after})
    back = ana.get(at(workspace, "entries/"), {"before": second.context["cut"].before})
    assert [row["entry"].pk for row in back.context["purses"]] == [row["entry"].pk for row in first.context["purses"]]
    assert not back.context["cut"].before


def test_the_head_of_the_sorted_column_says_so(bea: Client, day: Workspace) -> None:
    seen = text_of(bea, at(day, "entries/"), sort="-spent")
    assert seen.count("aria-sort") == 1 and 'aria-sort="descending"><a href="?sort=spent"' in seen


def test_every_row_of_the_ledger_comes_once(bea: Client, day: Workspace) -> None:
    seen = walk(bea, at(day, "ledger/"), "rows")
    assert len(seen) == len(set(seen)) == LedgerEntry.objects.filter(project_id=day.pk).count() > 100


def test_the_ledger_is_filtered_and_summed(bea: Client, day: Workspace) -> None:
    response = bea.get(at(day, "ledger/"), {"category": "expansion"})
    assert response.context["totals"] == {"rows": 6, "amount": usd("1.86")}
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


def test_a_cost_that_nobody_knew_is_marked(bea: Client, day: Workspace) -> None:
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


def test_a_budget_that_somebody_else_changed_is_not_overwritten(bea: Client, day: Workspace) -> None:
    one = entry(day, 5)
    caps.edit(one.account, usd(3), by=seed.ANA, reason="mine")
    address = f"/w/{day.pk}/entries/{one.pk}/budget/"
    form = {"amount": "9", "seen": str(one.account.budget)}
    answer = bea.post(address, form, headers=HTMX)
    assert answer.status_code == 409 and Account.objects.get(pk=one.pk).budget == usd(3)
    assert f"ana changed it from {money.text(one.account.budget)} to $3.00" in answer.content.decode()
    assert bea.post(address, form).status_code == 409
    assert bea.post(address, form | {"seen": str(usd(3))}).status_code == 303
    assert Account.objects.get(pk=one.pk).budget == usd(9)


def test_more_than_the_total_budget_is_said(bea: Client, day: Workspace) -> None:
    answer = bea.post(f"/w/{day.pk}/entries/{entry(day, 5).pk}/budget/", {"amount": "500"}, headers=HTMX)
    assert "exceeds the total budget by $" in answer.content.decode()
    assert "exceeds the total budget by" in text_of(bea, at(day)) and "exceeds" in text_of(bea, at(day, "entries/"))


def picks(day: Workspace, *seqs: int) -> list[str]:
    return [f"{entry(day, seq).pk}:{entry(day, seq).account.budget}" for seq in seqs]


def test_many_budgets_change_at_once(bea: Client, day: Workspace) -> None:
    before = entry(day, 6).account.budget
    form = {"do": "percent", "value": "-10", "reason": "less", "pick": picks(day, 6, 7)}
    assert bea.post(at(day, "entries/bulk/"), form).status_code == 303
    assert entry(day, 6).account.budget == before * 9 // 10 and entry(day, 7).account.human_locked
    assert BudgetChange.objects.filter(reason="less", actor="bea").count() == 2


def test_many_budgets_change_all_or_none(bea: Client, day: Workspace) -> None:
    old = picks(day, 6, 7)
    caps.edit(entry(day, 7).account, usd(1), by=seed.ANA)
    answer = bea.post(at(day, "entries/bulk/"), {"do": "set", "value": "2", "pick": old}, headers=HTMX)
    assert answer.status_code == 409 and "None of the selected was changed" in answer.content.decode()
    assert not entry(day, 6).account.human_locked and entry(day, 7).account.budget == usd(1)


def test_allocating_too_much_at_once_asks_first(bea: Client, day: Workspace) -> None:
    form = {"do": "set", "value": "50", "pick": picks(day, 6, 7)}
    asked = bea.post(at(day, "entries/bulk/"), form)
    assert (
        asked.status_code == 409
        and "exceeds the total budget by $" in asked.content.decode()
        and "→ $50.00" in asked.content.decode()
    )
    assert not entry(day, 6).account.human_locked
    again = {"do": "set", "value": "50", "picks": ",".join(form["pick"]), "confirm": asked.context["fields"]["confirm"]}
    assert bea.post(at(day, "entries/bulk/"), again).status_code == 303 and entry(day, 6).account.budget == usd(50)


def test_many_locks_are_set_and_released_with_a_reason(bea: Client, day: Workspace) -> None:
    address = at(day, "entries/bulk/")
    bea.post(address, {"do": "lock", "pick": picks(day, 6, 7)})
    assert entry(day, 6).account.human_locked
    assert "needs a reason" in bea.post(address, {"do": "unlock", "pick": picks(day, 6, 7)}, headers=HTMX).content.decode()
    assert entry(day, 6).account.human_locked
    bea.post(address, {"do": "unlock", "reason": "agreed", "pick": picks(day, 6, 7)})
    assert not entry(day, 6).account.human_locked and not entry(day, 7).account.human_locked


@pytest.mark.parametrize(
    "bad",
    [
        {"do": "set", "value": "x"},
        {"do": "percent", "value": ""},
        {"do": "dance"},
        {"do": "set", "value": "1", "pick": "nobody:x"},
    ],
)
def test_a_bulk_form_that_does_not_fit_is_refused(bea: Client, day: Workspace, bad: dict[str, str]) -> None:
    assert bea.post(at(day, "entries/bulk/"), {"pick": picks(day, 6)} | bad, headers=HTMX).status_code == 422
    assert bea.post(at(day, "entries/bulk/"), {"do": "lock"}, headers=HTMX).status_code == 422


def test_a_row_is_corrected_by_another_one_after_a_look_ahead(bea: Client, day: Workspace) -> None:
    row = LedgerEntry.objects.filter(project_id=day.pk, category="entry").order_by("-id")[0]
    address, form = at(day, f"ledger/{row.pk}/correct/"), {"way": "back", "amount": "0.02", "reason": "billed twice"}
    assert "The ledger is never edited" in text_of(bea, address)
    asked = bea.post(address, form)
    assert asked.status_code == 409 and "Left under the cap" in asked.content.decode() and not row.corrections.exists()
    for _ in range(2):  # sent twice, booked once
        assert bea.post(address, form | {"confirm": asked.context["fields"]["confirm"]}).status_code == 303
    assert [one.amount for one in row.corrections.all()] == [-20_000]


def test_the_reallocation_is_looked_at_and_then_done(bea: Client, day: Workspace) -> None:
    before = dict(Account.objects.values_list("pk", "budget"))
    seen = text_of(bea, at(day, "reallocate/"))
    assert "budgets would change, 1 locked would be skipped" in seen and "Returned $7.70 to the pool: it is done" in seen
    assert dict(Account.objects.values_list("pk", "budget")) == before
    said = bea.post(at(day, "reallocate/"), headers=HTMX).content.decode()
    assert "changed 9 budgets, skipped 1 locked" in said
    assert entry(day, 11).account.budget == usd("0.5") and entry(day, 3).account.budget == usd(8)


def test_an_admin_turns_automatic_reallocation_on(ana: Client, bea: Client, day: Workspace) -> None:
    assert bea.post(at(day, "auto/"), {"on": "1"}).status_code == 403
    ana.post(at(day, "auto/"), {"on": "1"})
    assert Executor.objects.get(pk=day.pk).config["auto_reallocate"] is True
    assert "<strong>Automatic:</strong>" in text_of(ana, at(day))


def test_the_total_budget_is_changed_with_who_and_why(bea: Client, day: Workspace) -> None:
    bea.post(at(day, "total/"), {"amount": "80", "reason": "a bigger plan"})
    assert Project.objects.get(pk=day.pk).total_budget == usd(80)
    seen = text_of(bea, at(day, "changes/"))
    assert "a bigger plan" in seen and "Total budget" in seen and "$80.00" in seen


def test_a_viewer_sees_all_and_changes_nothing(vera: Client, day: Workspace) -> None:
    row, one = LedgerEntry.objects.filter(project_id=day.pk)[0], entry(day, 5)
    form = {"amount": "1", "do": "lock", "pick": picks(day, 5), "way": "back", "reason": "x", "on": "1", "confirm": "1"}
    tails = ("cap/", "total/", "auto/", "reallocate/", "entries/bulk/", f"ledger/{row.pk}/correct/")
    for address in [
        *(at(day, tail) for tail in tails),
        f"/w/{day.pk}/entries/{one.pk}/budget/",
        f"/w/{day.pk}/entries/{one.pk}/lock/",
    ]:
        assert vera.post(address, form).status_code == 403, address
    for tail in PAGES:
        seen = text_of(vera, at(day, tail))
        assert (
            'name="amount"' not in seen and 'name="pick"' not in seen and "reallocate-now" not in seen and 'id="lock-' not in seen
        )
    assert not Event.objects.filter(actor="vera").exists()


def test_an_entry_without_a_budget_names_what_binds_it(bea: Client, day: Workspace) -> None:
    left = money.text(Project.objects.get(pk=day.pk).headroom)
    assert f"the cap: {left} left" in text_of(bea, at(day, "entries/"), q="#12")
    assert f"No budget of its own: bound by the cap, {left} left" in text_of(bea, f"/w/{day.pk}/entries/{entry(day, 12).pk}/")


def test_the_entry_page_shows_cost_beside_improvement(bea: Client, day: Workspace) -> None:
    page = bea.get(f"/w/{day.pk}/entries/{entry(day, 2).pk}/")
    assert [row[0] for row in page.context["rounds_table"].rows] == ["1", "2", "3", "4", "5"]
    assert page.context["rounds_table"].foot[-1] == "$8.37" and "Median $1.84" in page.content.decode()


def test_a_cell_is_changed_without_script_too(bea: Client, day: Workspace) -> None:
    one = entry(day, 5)
    assert f'id="amount-{one.pk}"' in text_of(bea, at(day, "entries/"), edit=one.pk)
    assert f'id="why-{entry(day, 3).pk}"' in text_of(bea, at(day, "entries/"), release=entry(day, 3).pk)
    assert "<html" not in text_of(bea, at(day, "entries/"), fragment="edit", edit=one.pk)


def test_each_page_is_a_fixed_number_of_queries(ana: Client, day: Workspace) -> None:
    few, many = seed.empty("Few"), seed.empty("Many")
    seed.plenty(few, 10)
    seed.plenty(many, 500)
    for tail in PAGES[:4]:
        asked = [statements(client_of("bea", "budget", one), at(one, tail)) for one in (few, many)]
        assert asked[0] == asked[1] <= 12, (tail, asked)
    assert statements(client_of("bea", "budget", day), at(day)) <= 12


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
