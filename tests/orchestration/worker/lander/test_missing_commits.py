"""A landing whose commit is not in the repository: it waits for the host that has it, or begins again, and stops no other."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.edge import queries
from orchestration.landing import branch, queue
from orchestration.models import Entry, Integration, Landing, Round, Session
from orchestration.repositories import claims, local_repository
from tests.factories import a_worker
from tests.orchestration.worker.lander.test_chains import a_shop, chain
from tests.orchestration.worker.lander.verified import verified
from tests.orchestration.worker.sessions.shop import Shop
from workspaces.models import Event, Workspace

Make = Callable[..., Shop]
GONE = "f" * 40
GREEN = {"verify": [{"name": "always", "run": "true"}]}


def missing(entry: Entry, *, host: str = "build-1", host_id: str = "host_1") -> Landing:
    """Its verified commit is on this host, and was never shared."""
    Session.objects.filter(entry=entry).update(host=host, host_id=host_id)
    Round.objects.filter(entry=entry).update(commit=GONE)
    Landing.objects.filter(entry=entry).update(commit=GONE)
    return Landing.objects.get(entry=entry)


def on_several_hosts(work: Shop) -> None:
    """The home of the repository is this host's, by the id that its data directory keeps."""
    from workspaces.machine import hosts

    Workspace.objects.update(host_id=hosts.host_id())


def states(work: Shop) -> dict[str, str]:
    landings = Landing.objects.filter(entry__isnull=False).order_by("entry__seq")
    return {landing.entry.title: landing.state for landing in landings.select_related("entry") if landing.entry}


@pytest.mark.parametrize("approve", ["never", "when"])
def test_it_stays_queued_with_the_hosts_name_and_the_rest_land(shop: Make, approve: str) -> None:
    """`candidates.build` and the policy of approvals read commits too."""
    work = shop(**GREEN, approve={"mode": approve, "paths": ["secret/*"] if approve == "when" else []})
    on_several_hosts(work)
    entries = [verified(work, name) for name in ("alpha", "beta", "gamma")]
    landing = missing(entries[0])
    work.land()
    assert states(work) == {"write alpha": "queued", "write beta": "landed", "write gamma": "landed"}
    landing.refresh_from_db()
    assert landing.not_before is not None and "of #1 is on build-1 alone, which is asked for it" in landing.message
    entry = Entry.objects.get(pk=entries[0].pk)
    assert (entry.status, entry.host_id, entry.is_shared) == ("in_progress", "host_1", False)
    [shown] = queries.shown_entries(work.workspace.pk, [entry])
    assert [(reason["code"], reason["message"]) for reason in shown["reasons"]] == [("no_host_fits", landing.message)]
    assert Integration.objects.get().undelivered == ""


def test_no_tick_wakes_a_lander_for_it_before_its_time_and_a_later_one_does(shop: Make) -> None:
    work = shop(**GREEN)
    on_several_hosts(work)
    missing(verified(work, "alpha"))
    work.land()
    Integration.objects.update(due=False)
    branch.wake_due()
    assert not Integration.objects.get().due
    Landing.objects.update(not_before="2020-01-01T00:00Z")
    branch.wake_due()
    assert Integration.objects.get().due


def test_it_lands_once_its_commit_is_here(shop: Make) -> None:
    work = shop(**GREEN)
    on_several_hosts(work)
    entry = verified(work, "alpha")
    commit = Landing.objects.get().commit
    missing(entry)
    work.land()
    Round.objects.update(commit=commit)
    Landing.objects.update(commit=commit, not_before="2020-01-01T00:00Z")
    work.land()
    landing = Landing.objects.get()
    assert (landing.state, landing.message, landing.not_before) == ("landed", "", None)


def test_work_that_waits_for_a_person_and_is_gone_stops_no_other(shop: Make) -> None:
    work = shop(**GREEN, approve={"mode": "always"})
    on_several_hosts(work)
    first, second = verified(work, "alpha"), verified(work, "beta")
    work.land()
    Landing.objects.update(tried_tip="")
    missing(first)
    work.land()
    tried = dict(Landing.objects.values_list("entry_id", "tried_tip"))
    assert tried == {first.pk: "", second.pk: Integration.objects.get().tip}
    assert set(queue.waiting_for_host([first.pk, second.pk])) == {first.pk}


def test_a_commit_that_no_host_can_have_begins_its_entry_again(shop: Make) -> None:
    work = shop(**GREEN)
    lost, other = verified(work, "alpha"), verified(work, "beta")
    missing(lost, host_id="")
    work.land()
    assert states(work) == {"write alpha": "withdrawn", "write beta": "landed"}
    lost.refresh_from_db()
    assert (lost.status, lost.next_work) == ("pending", "implement") and Round.objects.get(entry=lost).given_up
    assert Event.objects.get(verb="entry.work_given_up").object_id == lost.pk
    assert other.pk != lost.pk


def test_a_revert_of_a_commit_that_is_not_here_stops_no_entry(shop: Make) -> None:
    work = shop(**GREEN)
    queue.enqueue_branch(work.workspace.pk, Landing.Kind.REVERT, GONE)
    verified(work, "alpha")
    work.land()
    revert = Landing.objects.get(kind="revert")
    assert revert.state == "queued" and "is not on this host" in revert.message and work.merged("alpha") is not None


def test_the_metric_counts_it_apart(db: None, shop: Make, client: Any) -> None:
    from tests.config.test_metrics import samples
    from tests.factories import a_token

    work = shop(**GREEN)
    a_worker()
    on_several_hosts(work)
    missing(verified(work, "alpha"))
    work.land()
    read = samples(client, a_token(None, "viewer"))
    assert read["muster_landings_open", (("state", "waiting_for_host"), ("workspace", work.workspace.pk))] == 1


def unproven_elsewhere(shop: Make) -> tuple[Shop, Entry, Entry]:
    """Unproven work that another host has alone, and an entry that builds on it."""
    work = a_shop(shop, {"last": "a b", "mine": "c"})
    on_several_hosts(work)
    below, above = chain(work, "a", "b")
    work.run(below)
    missing(below)
    Entry.objects.filter(pk=below.pk).update(open_head=GONE)
    return work, Entry.objects.get(pk=below.pk), Entry.objects.get(pk=above.pk)


def test_unproven_work_that_is_on_another_host_alone_waits_for_it_and_stops_no_other(shop: Make) -> None:
    work, below, _ = unproven_elsewhere(shop)
    [other] = chain(work, "c")
    work.run(other)
    other.refresh_from_db()
    landing = Landing.objects.get(entry=below)
    assert (landing.state, other.status) == ("unproven", "done") and "on build-1 alone, which is asked for it" in landing.message


def test_what_builds_on_it_starts_on_the_host_that_has_it_and_no_attempt_is_lost(shop: Make) -> None:
    work, below, above = unproven_elsewhere(shop)
    session = work.supervise(work.claim(above))
    above.refresh_from_db()
    assert (session.outcome, above.status, above.host_id, above.crashes) == ("interrupted", "pending", "host_1", 0)
    assert (
        session.outcome_message == f"The work of #{below.seq}, from which this entry starts, is on build-1 alone: it starts there"
    )
    assert not Round.objects.filter(entry=above).exists()


def test_what_another_host_shared_is_looked_for_where_it_was_shared(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work, below, above = unproven_elsewhere(shop)
    looked_for: list[str] = []
    monkeypatch.setattr(local_repository, "bring", lambda _, commit, *refs: bool(looked_for.extend(refs)))
    work.supervise(work.claim(above))
    assert claims.ref_of(below.pk) in looked_for
