"""An entry without money or rounds is blocked when it loses them, not when the next cycle comes to it."""

import pytest

from budget.amounts import usd
from budget.limits import caps
from orchestration.backlog import entry_actions, entry_edits
from orchestration.executor import blocking, explain
from orchestration.models import Entry
from tests.factories import ANA, a_charge, a_worker, a_workspace, an_entry, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop() -> Workspace:
    a_worker()
    return a_workspace(state="paused")


def state(entry: Entry) -> tuple[str, str]:
    return Entry.objects.values_list("status", "reason_code").get(pk=entry.pk)


def test_a_lowered_budget_blocks_while_the_executor_is_paused_and_a_raise_unblocks(shop: Workspace) -> None:
    entry = an_entry(shop, budget="2")
    for budget, seen in (("0.01", ("blocked", "budget_exceeded")), ("2", ("pending", ""))):
        caps.edit(entry.account, usd(budget), by=ANA)
        assert state(entry) == seen


def test_a_lowered_cap_blocks_entries_without_a_budget_of_their_own_alone(shop: Workspace) -> None:
    share, own = some_entries(shop, "Share")[0], an_entry(shop, budget="2")
    a_charge(own, "0.50")
    caps.set_project(share.account.project, "max_project_spend", usd("0.50"), by=ANA)
    assert state(share) == ("blocked", "project_budget_exceeded") and state(own) == ("pending", "")


def test_fewer_rounds_than_were_made_block(shop: Workspace) -> None:
    entry = an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(rounds_completed=2)
    entry_edits.set_rounds(entry, 2, by=ANA)
    assert state(entry) == ("blocked", "rounds_exhausted")


def test_an_entry_resumed_without_money_is_blocked_again_at_once(shop: Workspace) -> None:
    entry = an_entry(shop, budget="0.01")
    Entry.objects.filter(pk=entry.pk).update(status="blocked", reason_code="human_hold")
    assert entry_actions.resume(entry, by=ANA).status == "blocked"
    assert state(entry) == ("blocked", "budget_exceeded")


def test_no_entry_that_the_cycle_blocks_stays_in_line(shop: Workspace) -> None:
    """One that waits for another, or for an answer, keeps its place."""
    entries = [an_entry(shop, budget="0.01") for _ in range(3)]
    Entry.objects.filter(pk=entries[0].pk).update(unmet_dependencies=1)
    assert blocking.block_short(shop.pk) == 2 and blocking.block_short(shop.pk) == 0
    whys = [each.why for each in explain.reasons(shop.pk, [entry.pk for entry in entries]).values()]
    assert not any(why and why.blocks for why in whys)
