"""A reviewer sees the work that waits, its spans, who may decide, when its locks may go, and the words after a decision."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from dashboard.approval import review
from dashboard.diffs import regions
from orchestration import configuration
from orchestration.approval import comments, deciding
from orchestration.models import Entry, Executor, Landing, Round, Session, TreeVerdict
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import an_entry
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.shop(max_workers=9)

HTMX = {"HX-Request": "true"}


def waiting(entry: Entry, state: str = "waiting", **more: Any) -> Landing:
    session = Session.objects.create(
        workspace=entry.workspace, entry=entry, attempt=1, status="ended", outcome="passed", ended_at=now()
    )
    check = {"name": "unit", "passed": True, "raw_passed": True, "exit_code": 0, "tail": ""}
    row = Round.objects.create(
        entry=entry, session=session, number=1, commit="c" * 40, base_commit="b" * 40, verdict="passed", checks=[check]
    )
    Entry.objects.filter(pk=entry.pk).update(reason_code="waiting_for_approval", reason_message="x", reason_at=now())
    return Landing.objects.create(workspace=entry.workspace, entry=entry, round=row, commit="c" * 40, state=state, **more)


def context(client: Client, entry: Entry, **query: str) -> Any:
    return client.get(f"/w/{entry.workspace_id}/backlog/{entry.pk}/", {"tab": "review"} | query).context


def test_the_work_that_waits_is_shown_from_where_it_began(ana: Client, shop: Workspace) -> None:
    entry, neighbour = an_entry(shop), an_entry(shop)
    waiting(neighbour)
    seen = context(ana, entry)
    assert (seen["landing"], seen["base"], seen["checks"], seen["merge"], seen["locks_are_old"]) == (None, "", [], None, False)
    landing = waiting(entry)
    seen = context(ana, entry)
    assert (seen["landing"].pk, seen["base"], seen["without_proof"]) == (landing.pk, "b" * 10, False)
    assert [check["name"] for check in seen["checks"]] == ["unit"] and seen["merge"] is None
    verdict = TreeVerdict.objects.create(
        workspace=shop, tree="t" * 40, commit="d" * 40, checks_hash="h", kind="landing", passed=True, checks=[{"name": "unit", "passed": True, "raw_passed": True}]
    )  # fmt: skip
    Landing.objects.filter(pk=landing.pk).update(state="unproven", tried_verdict=verdict)
    seen = context(ana, entry)
    assert seen["without_proof"] and seen["merge"] is not None and len(seen["merge"].checks) == 1


def test_the_work_or_its_merge_is_shown_and_one_file_by_itself(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    landing = Landing(commit="c" * 40, tried_tip="e" * 40, tried_commit="f" * 40)
    asked: list[tuple[str, str, str]] = []
    monkeypatch.setattr(regions, "diff_context", lambda request, base, commit, *, only: asked.append((base, commit, only)) or {})
    for show in ("", "merge"):
        review._diff(page_request(shop), landing, "b" * 40, {"show": show, "file": " a.py"})
    assert asked == [("b" * 40, "c" * 40, " a.py"), ("e" * 40, "f" * 40, " a.py")]


@pytest.mark.parametrize(("minutes", "old"), [(61, True), (59, False)])
def test_locks_may_go_after_the_hours_of_this_workspace(ana: Client, shop: Workspace, minutes: int, old: bool) -> None:
    Executor.objects.filter(pk=shop.pk).update(config={"approve": {"mode": "always", "lock_hours": 1}})
    entry = an_entry(shop)
    waiting(entry)
    Entry.objects.filter(pk=entry.pk).update(reason_at=now() - timedelta(minutes=minutes))
    assert context(ana, entry)["locks_are_old"] is old


@pytest.mark.parametrize(
    ("approvers", "role", "may"),
    [([], Role.OPERATOR, True), ([], Role.VIEWER, False), (["ana"], Role.OPERATOR, True), (["grace"], Role.OPERATOR, False), (["ana"], Role.VIEWER, False)],
)  # fmt: skip
def test_those_who_operate_decide_and_of_them_the_approvers_where_some_are_named(
    shop: Workspace, approvers: list[str], role: Role, may: bool
) -> None:
    rules = configuration.load({"approve": {"mode": "always", "approvers": approvers}}).approve
    assert review._may_decide(page_request(shop, role=role), rules) is may


def test_a_decision_is_answered_with_what_comes_next(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    otto, entry = client_of("otto", "operator", shop), an_entry(shop)
    address = f"/w/{shop.pk}/backlog/{entry.pk}/approval/"
    calls: list[Any] = []

    def record(name: str, answer: Any = None) -> Any:
        return lambda *args, by, **more: calls.append((name, args[1:], by.name, more)) or answer

    for counted, words in ((1, "1 comment"), (2, "2 comments"), (0, "0 comments")):
        monkeypatch.setattr(deciding, "send_back", record("send_back", counted))
        seen = otto.post(f"{address}send-back/", {"commit": "c" * 40, "note": " Why? "}, headers=HTMX).content.decode()
        assert f"#1 is sent back: its next round begins with {words}" in seen
    assert calls[-1] == ("send_back", ("c" * 40,), "otto", {"note": "Why?"})
    for counted, words in ((1, "1 lock;"), (3, "3 locks;")):
        monkeypatch.setattr(deciding, "release_locks", record("release", counted))
        assert f"#1 released {words} it still waits" in otto.post(f"{address}locks/", headers=HTMX).content.decode()
    monkeypatch.setattr(deciding, "name_tests", record("tests"))
    otto.post(f"{address}tests/", {"commit": "c" * 40, "tests": "t.a\r\nt.b"}, headers=HTMX)
    assert calls[-1] == ("tests", ("c" * 40, ["t.a", "t.b"]), "otto", {})
    for name in ("approve", "send-back", "tests", "comments"):
        for commit in ("", "c" * 39, "C" * 40, "c" * 65):
            assert otto.post(f"{address}{name}/", {"commit": commit, "tests": "t", "text": "t"}, headers=HTMX).status_code == 422


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, {"path": "", "line": None, "side": "new"}),
        ({"line": "7"}, {"path": "", "line": None, "side": "new"}),
        ({"file": "a.py"}, {"path": "a.py", "line": None, "side": "new"}),
        ({"file": " a.py", "line": "7", "side": "old"}, {"path": " a.py", "line": 7, "side": "old"}),
    ],
)
def test_a_comment_is_about_a_line_of_a_file_a_file_or_all(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str], place: dict[str, Any]
) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(comments, "add", lambda entry, commit, text, *, by, **where: kept.append((commit, text, by.name, where)))
    otto, entry = client_of("otto", "operator", shop), an_entry(shop)
    form = {"commit": "c" * 40, "text": "Hm"} | fields
    otto.post(f"/w/{shop.pk}/backlog/{entry.pk}/approval/comments/", form, headers=HTMX)
    assert kept == [("c" * 40, "Hm", "otto", place)]
