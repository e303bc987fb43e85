"""Limits besides the cap, and warnings: roles and confirmations of their forms."""

from django.test import Client

from budget.amounts import usd
from budget.models import BudgetChange, Limit, Project
from tests.dashboard.overview.test_page import in_line, text_of
from tests.dashboard.seeds.money_cast import HTMX, at, bea, day
from tests.dashboard.shared.test_forms import confirmed
from workspaces.models import Event, Workspace

__all__ = ["bea", "day"]


def test_a_limit_is_set_with_who_and_why(bea: Client, day: Workspace) -> None:
    form = {"limit": "interceptor.day", "amount": "900", "reason": "fewer reviews"}
    assert bea.post(at(day, "limits/"), form).status_code == 303
    assert Limit.objects.get(project_id=day.pk, category="interceptor", period="day").amount == usd(900)
    seen = text_of(bea, at(day, "changes/"))
    assert "Limit of interceptor per day" in seen and "fewer reviews" in seen and "$900.00" in seen
    seen = text_of(bea, at(day), fragment="caps")
    assert "<strong>Interceptor per day (UTC)</strong> $900.00" in seen and "When reached: Reviews get no money" in seen


def test_a_limit_that_is_reached_stands_in_the_first_lines(bea: Client, day: Workspace) -> None:
    confirmed(bea, at(day, "limits/"), limit="total.day", amount="0.01")
    seen = text_of(bea, at(day), fragment="summary")
    assert "Today&#x27;s limit of $0.01 is reached. No new session is admitted" in seen
    assert "$0.01 per day" in text_of(bea, at(day), fragment="by-category")


def test_a_limit_without_an_amount_is_taken_away(bea: Client, day: Workspace) -> None:
    bea.post(at(day, "limits/"), {"limit": "total.day", "amount": "900"})
    response = bea.post(at(day, "limits/"), {"limit": "total.day", "amount": ""}, headers=HTMX)
    assert "Total per day (UTC) now has no limit" in in_line(response.content.decode()) and not Limit.objects.exists()
    assert list(BudgetChange.objects.filter(field="limit.total.day").values_list("after", flat=True)) == [usd(900), None]


def test_a_limit_that_does_not_fit_is_refused(bea: Client, day: Workspace) -> None:
    for bad in ({}, {"limit": "total.all"}, {"limit": "x.y"}, {"limit": "total.day", "amount": "-1"}):
        assert bea.post(at(day, "limits/"), {"amount": "1", **bad}, headers=HTMX).status_code == 422, bad
        assert not Limit.objects.exists()


def test_the_warnings_are_set_and_recorded_in_the_activity(bea: Client, day: Workspace) -> None:
    response = bea.post(at(day, "warnings/"), {"percents": "95, 10 % 10", "reason": "earlier"}, headers=HTMX)
    assert "Warnings are sent at 10 %, 95 % of the cap; 10 % is already passed" in in_line(response.content.decode())
    assert Project.objects.get(pk=day.pk).thresholds == [10, 95]
    assert Event.objects.get(verb="budget.thresholds").actor == "bea"


def test_warnings_that_do_not_fit_are_refused(bea: Client, day: Workspace) -> None:
    for bad in ("0", "-5", "12.5", "1001", "half", "٣", "9" * 190, " ".join(map(str, range(1, 40)))):
        assert bea.post(at(day, "warnings/"), {"percents": bad}, headers=HTMX).status_code == 422, bad


def test_no_warnings_are_a_choice_and_the_page_shows_it(bea: Client, day: Workspace) -> None:
    bea.post(at(day, "warnings/"), {"percents": ""})
    assert Project.objects.get(pk=day.pk).thresholds == []
    assert "No warnings are sent before the cap is reached" in text_of(bea, at(day))
