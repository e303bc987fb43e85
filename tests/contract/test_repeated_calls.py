"""A call that is repeated with its key counts once, and the activity log keeps the reason that a caller states."""

import pytest

from orchestration.models import Entry, Run
from tests.contract.api import Api, names_of
from tests.factories import a_token, a_workspace
from tests.orchestration.proposals.made import PLANNER
from workspaces.models import Event

ENTRY = {"entries": [{"content": "Speak ISO"}]}


pytestmark = pytest.mark.shop(planner=PLANNER, expander=PLANNER)


def test_entries_are_added_once_for_a_key(shop: Api) -> None:
    first, again = (shop.post("/todo/entries", ENTRY, Idempotency_Key="k") for _ in range(2))
    assert first.status == again.status == 201
    assert [entry["id"] for entry in first.json["entries"]] == [entry["id"] for entry in again.json["entries"]]
    shop.post("/todo/entries", ENTRY, Idempotency_Key="other")
    shop.post("/todo/entries", ENTRY)
    assert Entry.objects.count() == 3


def test_a_key_of_one_workspace_is_free_in_another(shop: Api) -> None:
    other = Api(a_workspace(), a_token())
    ids = {caller.post("/todo/entries", ENTRY, Idempotency_Key="k").json["entries"][0]["id"] for caller in (shop, other)}
    assert len(ids) == 2


def test_a_plan_is_asked_for_once_and_each_entry_is_expanded_once_for_a_key(shop: Api) -> None:
    plans = {shop.post("/plan-runs", {"goal": "Better"}, Idempotency_Key="k").json["id"] for _ in range(2)}
    entries = [shop.post("/todo/entries", ENTRY).json["entries"][0]["id"] for _ in range(2)]
    runs = {shop.post(f"/todo/entries/{entry}/expand-runs", Idempotency_Key="k").json["id"] for entry in entries * 2}
    assert (len(plans), len(runs), Run.objects.count()) == (1, 2, 3)


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_has_a_length(shop: Api, key: str) -> None:
    assert names_of(shop.post("/todo/entries", ENTRY, Idempotency_Key=key)) == ["Idempotency-Key"]


@pytest.mark.parametrize(("stated", "kept"), [("Caf%C3%A9%20closes", "Café closes"), ("a%00b%ff", "ab�"), ("x" * 600, "x" * 500)])
def test_a_stated_reason_is_kept_with_what_was_done(shop: Api, stated: str, kept: str) -> None:
    assert shop.post("/executor/pause", Muster_Reason=stated).status == 200
    assert Event.objects.get(verb="executor.pause").reason == kept


def test_the_next_call_has_no_reason_of_the_last(shop: Api) -> None:
    shop.post("/executor/pause", Muster_Reason="Lunch")
    shop.post("/executor/resume")
    assert Event.objects.get(verb="executor.resume").reason == ""
