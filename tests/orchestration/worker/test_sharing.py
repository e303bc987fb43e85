"""This host shares its work with the others, on request too, and removes the shared refs of what is done."""

import socket
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils.timezone import now

from orchestration.git import history
from orchestration.git.command import GitError
from orchestration.landing import branch
from orchestration.models import Entry, Executor, Integration, Landing, Session
from orchestration.repositories import claims, local_repository
from orchestration.repositories.authority import Moved, Unreachable
from orchestration.sessions import Superseded
from orchestration.worker.preparing import sharing
from tests.factories import CLOSED, a_session, a_workspace, an_entry
from workspaces.machine import hosts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40


class Shared:
    """A repository that several hosts share."""

    def __init__(self) -> None:
        self.repo = self
        self.discarded: list[dict[str, str]] = []
        self.without: set[str] = set()

    def under(self, prefix: str) -> dict[str, str]:
        return {f"{prefix}{entry.pk}": COMMIT for entry in Entry.objects.exclude(pk__in=self.without)}

    def discard(self, refs: dict[str, str]) -> None:
        self.discarded.append(refs)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Shared:
    authority = Shared()
    monkeypatch.setattr(local_repository, "authority_of", lambda _: authority)
    return authority


def test_only_refs_of_what_is_done_or_long_deleted_are_removed(shared: Shared, settings: Any) -> None:
    settings.KEEP_DAYS = 14
    shop, other = a_workspace(), a_workspace(name="Other")
    done, open_, long_deleted, deleted, deleted_done, theirs = (an_entry(each) for each in (shop, shop, shop, shop, shop, other))
    Entry.objects.filter(pk__in=[done.pk, deleted_done.pk, theirs.pk]).update(**CLOSED)
    shared.without.add((never_shared := an_entry(shop)).pk)
    Entry.objects.filter(pk=never_shared.pk).update(**CLOSED)
    Entry.objects.filter(pk=long_deleted.pk).update(deleted_at=now() - timedelta(days=15))
    Entry.objects.filter(pk__in=[deleted.pk, deleted_done.pk]).update(deleted_at=now() - timedelta(days=13))
    sharing.tidy(shop)
    assert shared.discarded == [{claims.ref_of(each.pk): COMMIT for each in (done, long_deleted)}] and open_.pk
    settings.KEEP_DAYS = 12
    sharing.tidy(shop)
    assert shared.discarded[1].keys() == {claims.ref_of(each.pk) for each in (done, long_deleted, deleted, deleted_done)}


def test_shared_workspaces_are_tidied_except_lost_deleted_and_stopped_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    tidied: list[str] = []
    names = ("fine", "fails", "lost", "deleted", "stopped", "alone", "last")
    shops = {name: a_workspace(name=name) for name in names}
    Workspace.objects.exclude(name="alone").update(host_id="home")
    Workspace.objects.filter(name="deleted").update(deleted_at=now())
    Executor.objects.filter(pk=shops["stopped"].pk).update(state="stopped")

    def tidy(workspace: Workspace) -> None:
        tidied.append(workspace.name)
        if workspace.name == "fails":
            raise GitError("push", "no route")

    monkeypatch.setattr(sharing, "tidy", tidy)
    sharing.tidy_all(but={shops["lost"].pk})
    assert sorted(tidied) == ["fails", "fine", "last"]


@pytest.mark.parametrize(
    ("entry", "landing", "is_shared"),
    [
        *(({}, {"state": state}, True) for state in ("queued", "checking", "waiting", "proposed", "unproven")),
        *(({}, {"state": state}, False) for state in ("sent_back", "landed", "refused", "withdrawn")),
        ({"host_id": socket.gethostname()}, {}, True),
        ({"is_shared": True}, {}, True),
        ({"host_id": "other"}, {}, False),
        ({}, {"not_before": None}, False),
        ({}, {"commit": "f" * 40}, False),
    ],
)
def test_this_host_shares_what_landings_wait_for_and_it_alone_has(
    shared: Shared, entry: dict[str, Any], landing: dict[str, Any], is_shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "has", lambda _, commit: commit == COMMIT)
    published: list[str] = []
    monkeypatch.setattr(claims, "share", lambda _, entry_id, *__: published.append(entry_id) or True)
    shop = a_workspace()
    row = an_entry(shop)
    alone = {"is_shared": False, "host_id": hosts.host_id(), "host_away_at": now(), **entry}
    Entry.objects.filter(pk=row.pk).update(**alone)
    waiting = Landing.objects.create(
        workspace=shop, entry=row, **{"commit": COMMIT, "not_before": now(), "message": "x", **landing}
    )
    branch.ensure(shop.pk)
    Integration.objects.update(due=False)
    for but in ({shop.pk}, set[str]()):
        sharing.share_asked(but=but)
        assert published == ([row.pk] if is_shared and not but else [])
    waiting.refresh_from_db()
    row.refresh_from_db()
    assert (waiting.message == "") is is_shared and Integration.objects.get().due is is_shared
    assert not is_shared or (row.is_shared, row.host_away_at, waiting.not_before) == (True, None, None)


def test_a_stopped_executor_and_work_that_cannot_be_shared_leave_the_request(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise GitError("push", "no route")

    monkeypatch.setattr(history, "has", lambda *_: True)
    monkeypatch.setattr(claims, "share", refused)
    shop = a_workspace()
    row = an_entry(shop)
    Entry.objects.filter(pk=row.pk).update(is_shared=False, host_id=hosts.host_id())
    Landing.objects.create(workspace=shop, entry=row, commit=COMMIT, not_before=Now())
    sharing.share_asked(but=())
    Executor.objects.update(state="stopped")
    monkeypatch.setattr(claims, "share", lambda *_: pytest.fail("it was shared"))
    sharing.share_asked(but=())
    row.refresh_from_db()
    assert not row.is_shared and Landing.objects.get().not_before is not None


def an_asked(workspace: Workspace) -> Entry:
    """An entry whose landing waits for its commit, which this host alone has."""
    entry = an_entry(workspace)
    Entry.objects.filter(pk=entry.pk).update(is_shared=False, host_id=hosts.host_id())
    Landing.objects.create(workspace=workspace, entry=entry, commit=COMMIT, not_before=now())
    return entry


def shared_ones() -> set[str]:
    return set(Entry.objects.filter(is_shared=True).values_list("pk", flat=True))


def test_one_that_a_newer_attempt_has_keeps_no_other_from_being_shared_and_a_few_are_at_a_time(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "has", lambda *_: True)
    first, *others = (an_asked(a_workspace(name=name)) for name in "abc")

    def share(_: Shared, entry_id: str, *__: str) -> bool:
        if entry_id == first.pk:
            raise Moved("a ref")
        return True

    monkeypatch.setattr(claims, "share", share)
    monkeypatch.setattr(sharing, "MAX_ASKED", 2)
    sharing.share_asked(but=())
    assert len(shared_ones()) == 1 and shared_ones() <= {entry.pk for entry in others}
    sharing.share_asked(but=())
    assert shared_ones() == {entry.pk for entry in others}
    assert [landing.entry_id for landing in Landing.objects.filter(not_before__isnull=False)] == [first.pk]


def test_nothing_is_asked_of_a_host_that_shares_its_workspace_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_repository, "authority_of", lambda _: None)
    monkeypatch.setattr(local_repository, "ensure", lambda _: pytest.fail("it was fetched"))
    for name in ("claim", "publish", "share"):
        monkeypatch.setattr(claims, name, lambda *_, **__: pytest.fail("a ref was moved"))
    shop = a_workspace()
    entry = an_asked(shop)
    sharing.share_asked(but=())
    sharing.tidy(shop)
    for of_session in (entry, None):
        session: Any = SimpleNamespace(entry=of_session, workspace=shop, candidate=0)
        sharing.claim(session, "start")
        sharing.publish(session)
    assert shared_ones() == set()


def test_a_run_has_no_work_to_claim_or_to_publish(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_repository, "ensure", lambda _: pytest.fail("it was fetched"))
    session: Any = SimpleNamespace(entry=None, workspace=a_workspace(), candidate=0)
    sharing.claim(session, "start")
    sharing.publish(session)


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_session_claims_its_entry_for_its_attempt_once_the_repository_is_here(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, is_shared: bool
) -> None:
    session, calls = a_session(an_entry(a_workspace())), list[Any]()
    session.attempt, session.entry.is_shared = 7, is_shared
    monkeypatch.setattr(local_repository, "ensure", lambda workspace: calls.append(workspace.pk))
    monkeypatch.setattr(claims, "claim", lambda *given, **named: calls.append((given, named)))
    sharing.claim(session, "start")
    entry = session.entry
    named = {"attempt": 7, "start": "start", "is_shared": is_shared}
    assert calls == [session.workspace_id, ((shared, entry.pk, entry.branch), named)]


@pytest.mark.parametrize("act", ["claim", "publish"])
def test_a_session_whose_work_a_newer_attempt_has_is_superseded(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    session = a_session(an_entry(a_workspace()))
    Entry.objects.update(is_shared=False)

    def moved(*_: object, **__: object) -> None:
        raise Moved("a ref")

    monkeypatch.setattr(local_repository, "ensure", lambda _: None)
    monkeypatch.setattr(claims, act, moved)
    with pytest.raises(Superseded):
        sharing.claim(session, "start") if act == "claim" else sharing.publish(session)
    assert shared_ones() == set()


@pytest.mark.parametrize("error", [GitError("fetch", "bad object"), Unreachable("fetch", "no route")])
def test_a_claim_that_fails_is_no_claim(shared: Shared, monkeypatch: pytest.MonkeyPatch, error: GitError) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(local_repository, "ensure", lambda _: None)
    monkeypatch.setattr(claims, "claim", fails)
    with pytest.raises(GitError):
        sharing.claim(a_session(an_entry(a_workspace())), "start")


@pytest.mark.parametrize("was_shared", [True, False])
@pytest.mark.parametrize("error", [None, GitError("push", "no"), Unreachable("push", "no route")])
def test_an_entry_knows_whether_its_newest_work_is_shared(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, was_shared: bool, error: GitError | None
) -> None:
    shop, published = a_workspace(), list[Any]()
    session, other = a_session(an_entry(shop)), an_entry(shop)
    Entry.objects.filter(pk=session.entry_id).update(is_shared=was_shared)
    Entry.objects.filter(pk=other.pk).update(is_shared=error is not None)
    session = Session.objects.get(pk=session.pk)

    def publish(*given: object) -> None:
        published.append(given)
        if error is not None:
            raise error

    monkeypatch.setattr(claims, "publish", publish)
    sharing.publish(session)
    entry = Entry.objects.get(pk=session.entry_id)
    assert published == [(shared, entry.pk, entry.branch)]
    assert entry.is_shared is session.entry.is_shared is (error is None)
    other.refresh_from_db()
    assert other.is_shared is (error is not None)
