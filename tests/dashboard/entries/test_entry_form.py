"""The form of a new entry: what is typed, chosen and copied becomes the entry, and its money and its tests are compared."""

from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict

from dashboard.new_entry import adding, form, views
from orchestration.backlog import dependencies
from orchestration.backlog.entries import Draft
from orchestration.models import Entry
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, a_workspace, an_entry, some_entries
from workspaces.errors import NotFound
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
EMPTY = dict.fromkeys(form.FIELDS, "")


@pytest.fixture
def shop() -> Workspace:
    other = a_workspace(name="Other")
    some_entries(other, "Of others")
    return a_workspace()


def test_chosen_cases_join_the_tests_that_are_typed_each_once() -> None:
    post = QueryDict("tests=b%0D%0A+a+&target=a&target=c&content=Do+it")
    assert form.submitted(post)["tests"] == "b\na\nc" and form.submitted(post)["content"] == "Do it"
    assert form.submitted(QueryDict("tests=+b+&target=b"))["tests"] == " b " and form.submitted(QueryDict(""))["tests"] == ""


def test_what_is_typed_is_written_as_the_api_has_it() -> None:
    typed = EMPTY | {
        "content": " Do it\r\nwell ", "requirements": "fast", "criteria": "a\n\n b ", "modifies": "x.py", "creates": "new/", "tests": "t",
        "after": "3,#4 entry_a", "heading": " Tax ",
    }  # fmt: skip
    assert form.written(typed) == {
        "content": "Do it\nwell",
        "spec": {"requirements": "fast", "acceptance_criteria": ["a", "b"], "files_to_create": ["new/"], "files_to_modify": ["x.py"],
                 "tests": ["t"]},
        "depends_on": ["#3", "#4", "entry_a"],
        "group": "Tax",
    }  # fmt: skip
    assert form.written(EMPTY) == {"content": "", "spec": None, "depends_on": [], "group": None}


def test_a_value_has_the_money_and_the_rounds_that_were_written_and_no_others() -> None:
    typed = EMPTY | {
        "budget": "$1,200.50",
        "rounds": " 7 ",
        "alone": "1",
        "group": " docs ",
        "labels": "gpu, eu",
        "priority": "low",
    }
    value, wrong = views._api_value(typed)
    expected = {"budget_usd": Decimal("1200.5"), "budget_rounds": 7, "parallelizable": False, "parallel_group": "docs",
                "requires": ["gpu", "eu"], "priority": "low"}  # fmt: skip
    assert {name: value[name] for name in expected} == expected and wrong == {}
    value, wrong = views._api_value(EMPTY)
    assert (value["parallelizable"], value["parallel_group"], value["requires"], value["priority"]) == (True, None, [], "medium")
    assert wrong == {} and not value.keys() & {"budget_usd", "budget_rounds"}
    for rounds in ("1" * 10, "٣", "-1", "1.5"):
        assert list(views._api_value(EMPTY | {"rounds": rounds})[1]) == ["rounds"]


def test_a_copy_has_all_of_its_entry_but_its_money(shop: Workspace) -> None:
    first, second = some_entries(shop, "One", "Two")
    spec = {"requirements": ["fast", "small"], "acceptance_criteria": ["a"], "tests": ["t"], "files_to_modify": ["x.py"]}
    entry = an_entry(shop, content="Do it")
    Entry.objects.filter(pk=entry.pk).update(
        spec=spec, group="Tax", parallel_group="docs", parallelizable=False, requires=["gpu", "eu"], budget_rounds=7, priority=1
    )
    for after in (second, first):
        dependencies.depend(entry, after, by=ANA)
    copied = views._first_values(page_request(shop, copy=entry.pk))
    assert copied == EMPTY | {
        "content": "Do it", "requirements": "fast\nsmall", "criteria": "a", "tests": "t", "modifies": "x.py", "after": "#1, #2",
        "heading": "Tax", "labels": "gpu, eu", "priority": "high", "rounds": "7", "group": "docs", "alone": "1"}  # fmt: skip
    with pytest.raises(NotFound):
        views._first_values(page_request(shop, copy=Entry.objects.get(content="Of others").pk))
    assert views._first_values(page_request(shop, after="#3")) == {"priority": "medium", "after": "#3"}


def test_what_fails_on_the_base_is_a_goal_only_where_a_person_wants_it(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = {"t.test_b": "no", "t.test_a": "no"}
    monkeypatch.setattr(views.reads, "failing_on_tip", lambda _: failing)
    goal = views._first_values(page_request(shop, goal="1"))
    assert goal["content"] == "Make the 2 failing tests pass" and goal["priority"] == "medium"
    assert "content" not in views._first_values(page_request(shop))
    failing.pop("t.test_b")
    assert views._first_values(page_request(shop, goal="1"))["content"] == "Make the 1 failing test pass"
    failing.clear()
    assert views._first_values(page_request(shop, goal="1")) == {"priority": "medium", "after": ""}


def test_failing_cases_are_offered_the_chosen_first_then_the_likely_then_the_rest(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = {f"tests.test_other.test_{n}": "no" for n in "zyx"} | {"tests.test_rates.test_cache_rates": "no rates"}
    monkeypatch.setattr(views.reads, "failing_on_tip", lambda _: cases)
    seen = page_request(shop, content="Cache the rates", creates="rates.py", target="tests.test_other.test_y")
    seen.request.GET = seen.request.GET.copy()
    seen.request.GET.appendlist("target", "of.yesterday")
    shown = views.failing(seen)
    assert [(name, chosen) for name, _, chosen in shown["failing"]] == [
        ("tests.test_other.test_y", True), ("tests.test_rates.test_cache_rates", False), ("tests.test_other.test_x", False),
        ("tests.test_other.test_z", False)]  # fmt: skip
    assert (shown["failing_count"], shown["likely"], shown["is_chosen"]) == (4, 1, True)
    monkeypatch.setattr(views, "MAX_FAILING", 2)
    other = page_request(shop)
    other.memo["form"] = EMPTY | {"content": "Cache the rates", "creates": "rates.py"}
    cut = views.failing(other)
    assert (cut["failing"][0][0], len(cut["failing"]), cut["failing_count"], cut["is_chosen"]) == (
        "tests.test_rates.test_cache_rates", 2, 4, False)  # fmt: skip


def test_the_newest_entries_that_match_are_offered_as_dependencies(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_HITS", 2)
    some_entries(shop, "Rates 1", "Rates 2", "Other", "Rates 3")
    shown = views.hits(page_request(shop, find="Rates"))
    assert [entry.title for entry in shown["hits"]] == ["Rates 3", "Rates 2"] and shown["search_words"] == "Rates"


def test_new_budgets_are_compared_with_what_is_not_allocated() -> None:
    shop = a_workspace(budget="10")
    an_entry(shop, budget="4")
    drafts = [Draft("a", budget=5_000_000), Draft("b", budget=2_000_000), Draft("c"), Draft("d", budget=0)]
    shown = adding.budgets(page_request(shop), drafts)
    spare, least = shown["spare"], shown["least"]
    assert shown == {"requested": 7_000_000, "spare": spare, "short": 7_000_000 - spare, "shared": 1, "least": least, "poor": 1}
    few = [Draft("a", budget=least - 1), Draft("b", budget=least)]
    assert least > 1 and adding.budgets(page_request(shop), few)["poor"] == 1
    assert 0 < shown["spare"] < 7_000_000 and adding.budgets(page_request(shop), drafts[2:])["short"] == 0


def test_a_form_keeps_its_key_and_an_odd_one_gets_another(shop: Workspace) -> None:
    def key(submitted: str) -> str:
        seen: Any = page_request(shop)
        seen.request.POST = {"key": submitted}
        return adding.form_key(seen)

    assert key("k" * 16) == "k" * 16 and key("k" * 64) == "k" * 64
    assert all(key(odd) != odd and len(key(odd)) == 32 for odd in ("", "k" * 15, "k" * 65, "k" * 20 + "\n", "k" * 20 + " "))


def test_a_rehearsal_adds_nothing(shop: Workspace) -> None:
    seen = page_request(shop)
    assert adding._rehearse(seen, [Draft("a")]) == "" and not Entry.objects.filter(workspace=shop).exists()
    assert adding._rehearse(seen, [Draft("a", depends_on=["#99"])]) == "Unknown entry or ref: '#99'"
