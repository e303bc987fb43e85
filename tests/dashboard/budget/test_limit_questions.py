"""The forms of limits and warnings: what is asked at which amount, what a conflict shows, and which words they take."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from budget.amounts import usd
from budget.limits import caps
from budget.models import Hold, Limit
from tests.dashboard.budget.sent import question, result
from tests.dashboard.seeds import entries as seed
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces import people
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    """$2 spent today and $1 reserved, both by entries."""
    shop = a_workspace()
    entry = an_entry(shop, budget="9")
    a_charge(entry, "2")
    Hold.objects.create(project=project(shop), account=entry.account, session_ref="s", amount=usd(1))
    return shop


def send(client: Client, shop: Workspace, **form: str) -> Any:
    return client.post(reverse("limit", args=[shop.pk]), form)


def amounts_of(shop: Workspace) -> dict[str, int]:
    return {f"{limit.category}.{limit.period}": limit.amount for limit in Limit.objects.filter(project_id=shop.pk)}


STOPS = "No new session is admitted; running sessions continue within their reservations, until it is raised."


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("2", f"$2.00 is spent already, so the limit is reached at once. {STOPS}"),
        ("3", f"$2.00 is spent and $1.00 is reserved, so nothing is left until some of it is free. {STOPS}"),
    ],
)
def test_a_limit_that_leaves_nothing_is_asked_first(bea: Client, shop: Workspace, amount: str, sentence: str) -> None:
    form = {"limit": "entry.all", "amount": amount, "reason": "enough"}
    asked = send(bea, shop, **form)
    assert question(asked) == {
        "title": f"Set the limit of Entries to ${amount}.00",
        "sentence": sentence,
        "button": f"Set it to ${amount}.00",
        "action": reverse("limit", args=[shop.pk]),
        "points": (),
        "fields": form | {"seen.entry.all": ""},
    }
    again = asked.context["confirmation"]["fields"]
    for other in ({"amount": "1"}, {"limit": "total.day"}):  # what was confirmed is this limit of this amount
        assert send(bea, shop, **again | other).status_code == 409
    assert amounts_of(shop) == {}
    assert result(send(bea, shop, **again)) == (f"The limit of Entries is now ${amount}.00", "good")
    assert amounts_of(shop) == {"entry.all": usd(amount)}


def test_a_lowered_limit_is_asked_with_what_the_new_one_does(bea: Client, shop: Workspace) -> None:
    send(bea, shop, limit="entry.all", amount="9")
    sentence = question(send(bea, shop, limit="entry.all", amount="2"))["sentence"]
    assert sentence == f"$2.00 is spent already, so the limit is reached at once. {STOPS}"


def test_a_limit_that_leaves_something_is_set_at_once(bea: Client, shop: Workspace) -> None:
    assert result(send(bea, shop, limit="entry.all", amount="3.000001")) == ("The limit of Entries is now $3.00", "good")
    assert result(send(bea, shop, limit="expansion.day", amount="1")) == (
        "The limit of Expansion per day (UTC) is now $1.00",
        "good",
    )


def test_the_end_of_a_day_is_shown_in_ones_own_time_too(bea: Client, shop: Workspace) -> None:
    people.save_preferences(seed.user("bea"), time_zone="Asia/Kathmandu")
    sentence = question(send(bea, shop, limit="total.day", amount="1"))["sentence"]
    assert "$2.00 is spent today already" in sentence and sentence.endswith(", until 00:00 UTC (05:45 UTC+05:45).")


@pytest.mark.parametrize("removed", [False, True])
def test_a_limit_that_was_set_or_removed_meanwhile_is_asked_with_what_it_is_now(
    bea: Client, shop: Workspace, removed: bool
) -> None:
    caps.set_limit(project(shop), "entry", "all", usd(7), by=ANA)
    caps.set_limit(project(shop), "entry", "day", usd(70), by=ANA)
    if removed:
        caps.set_limit(project(shop), "entry", "all", None, by=ANA)
    seen = str(usd(7)) if removed else ""
    conflict = question(send(bea, shop, limit="entry.all", amount="9", reason="mine", **{"seen.entry.all": seen}))
    before, now = ("none", str(usd(7))) if not removed else ("$7.00", "")
    shown = "none" if removed else "$7.00"
    assert conflict["title"] == "Overwrite the limit of Entries" and conflict["button"] == f"Set it from {shown} to 9 USD"
    assert conflict["sentence"].startswith(f"ana changed it from {before} to {shown} at ")
    assert conflict["fields"] == {"limit": "entry.all", "amount": "9", "reason": "mine", "seen.entry.all": now}
    assert amounts_of(shop) == {"entry.day": usd(70)} | ({} if removed else {"entry.all": usd(7)})
    assert result(send(bea, shop, **conflict["fields"])) == ("The limit of Entries is now $9.00", "good")
    gone = question(send(bea, shop, limit="entry.all", amount="", **{"seen.entry.all": ""}))
    assert gone["button"] == "Set it from $9.00 to none"


def test_a_limit_that_is_already_as_wanted_is_no_conflict(bea: Client, shop: Workspace) -> None:
    caps.set_limit(project(shop), "entry", "all", usd(7), by=ANA)
    form = {"limit": "entry.all", "amount": "7", "seen.entry.all": ""}
    assert result(send(bea, shop, **form)) == ("The limit of Entries is now $7.00", "good")


@pytest.mark.parametrize(
    ("percents", "words", "tone"),
    [
        ("1 2 3", "Warnings are sent at 1 %, 2 %, 3 % of the cap; 1 %, 2 % is already passed", "good"),
        ("1000, 50 % 50", "Warnings are sent at 50 %, 1000 % of the cap", "good"),
        ("", "No warnings are sent before the cap is reached", "warn"),
        (" ".join(["3"] * 21), "Warnings are sent at 3 % of the cap", "good"),
        (" ".join(map(str, range(81, 101))), None, "good"),
        (" ".join(map(str, range(80, 101))), "At most 20 warnings", "bad"),
        ("1001", "Write whole percents from 1 to 1000, such as 50, 75, 90", "bad"),
    ],
)
def test_warnings_are_percents_of_the_cap_each_once(
    bea: Client, shop: Workspace, percents: str, words: str | None, tone: str
) -> None:
    response = bea.post(reverse("warnings", args=[shop.pk]), {"percents": percents})
    shown, how = result(response)
    assert how == tone and (words is None or words in shown)
