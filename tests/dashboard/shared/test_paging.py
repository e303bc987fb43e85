"""Pages of a list by cursors: forwards to the last row, and back to the first."""

import pytest
from django.db.models import QuerySet

from dashboard.shared.lists import paging
from dashboard.shared.lists.head import first_of
from dashboard.shared.lists.paging import Page, paginate
from orchestration.models import Entry
from tests.factories import a_workspace, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Seven entries, two of each number of rounds and one more; pages of two."""
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    shop = a_workspace()
    for number, entry in enumerate(some_entries(shop, *"abcdefg")):
        Entry.objects.filter(pk=entry.pk).update(budget_rounds=number // 2 + 1)
    return shop


def page(shop: Workspace, *, descending: bool = False, after: str = "", before: str = "") -> Page:
    entries: QuerySet[Entry] = Entry.objects.filter(workspace=shop)
    return paginate(entries, "budget_rounds", "seq", descending=descending, after=after, before=before)


def letters(page: Page) -> str:
    return "".join(row.content for row in page.rows)


@pytest.mark.parametrize(("descending", "pages"), [(False, ["ab", "cd", "ef", "g"]), (True, ["gf", "ed", "cb", "a"])])
def test_a_list_is_walked_to_its_end_and_back_without_a_row_twice(shop: Workspace, descending: bool, pages: list[str]) -> None:
    there = [page(shop, descending=descending)]
    while there[-1].after:
        there.append(page(shop, descending=descending, after=there[-1].after))
    assert [letters(each) for each in there] == pages and [bool(each.before) for each in there] == [False, True, True, True]
    back = [there[-1]]
    while back[-1].before:
        back.append(page(shop, descending=descending, before=back[-1].before))
    assert [letters(each) for each in reversed(back)] == pages
    assert [bool(each.after) for each in back] == [False, True, True, True]


@pytest.mark.parametrize("cursor", ["", "x", "1", "1_", "_1", "1_2_3", f"{2**63}_1", "1_-1"])
def test_what_is_no_cursor_means_the_first_page(shop: Workspace, cursor: str) -> None:
    for words in ({"after": cursor}, {"before": cursor}):
        shown = page(shop, **words)  # type: ignore[arg-type]
        assert letters(shown) == "ab" and shown.after and not shown.before


def test_beyond_the_last_row_there_is_an_empty_page(shop: Workspace) -> None:
    assert page(shop, after="99_99") == Page([])


@pytest.mark.parametrize(("number", "cut"), [(2, False), (3, False), (4, True)])
def test_a_head_knows_how_many_rows_there_are(number: int, cut: bool) -> None:
    entries = some_entries(a_workspace(), *(f"E{n}" for n in range(number)))
    rows = first_of(Entry.objects.filter(pk__in=[entry.pk for entry in entries]).order_by("seq"), 3)
    assert list(rows) == entries[:3] and (rows.total, rows.is_cut) == (number, cut)
