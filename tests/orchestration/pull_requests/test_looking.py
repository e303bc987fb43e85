"""One look at a pull request: what is asked of the forge, and what is written there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestration.configuration import secrets
from orchestration.forges.shared.interface import Check, Comment, Draft, ForgeError, Method, Problem
from orchestration.forges.shared.interface import PullRequest as Pull
from orchestration.forges.shared.webhooks import Delivery
from orchestration.models import Dependency, Entry, Integration, Landing, PullRequest, Round, TreeVerdict
from orchestration.pull_requests import connecting, requests, stacking, sync
from tests.factories import ANA, a_charge
from tests.orchestration.pull_requests.fake import FakeForge
from tests.orchestration.pull_requests.rows import HEAD, a_team, fresh, opened, proposed

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass
class Asked(FakeForge):
    """`arguments`: of each call that has any but a number."""

    arguments: list[Any] = field(default_factory=list)

    def create(self, draft: Draft) -> Pull:
        self.arguments.append(draft)
        return super().create(draft)

    def checks(self, commit: str) -> Sequence[Check]:
        self.arguments.append(commit)
        return super().checks(commit)

    def is_approved(self, number: int, *, head: str, since: datetime) -> bool:
        self.arguments.append((head, since))
        return super().is_approved(number, head=head, since=since)

    def merge(self, number: int, *, head: str, method: Method) -> None:
        self.arguments.append((head, method))
        super().merge(number, head=head, method=method)


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Asked:
    fake = Asked(head=HEAD)
    monkeypatch.setattr(connecting, "forge_of", lambda *_: fake)
    return fake


def there(forge: Asked, row: PullRequest, **fields: Any) -> None:
    """The forge shows the row's pull request so."""
    assert row.number is not None
    forge.pulls[row.number] = replace(
        Pull("1", row.number, row.url, row.branch, row.base, row.head, "open", requests_marker(row)), **fields
    )


def requests_marker(row: PullRequest) -> str:
    return sync.texts.marker(row.entry_id)


def look(row: PullRequest) -> PullRequest:
    PullRequest.objects.filter(pk=row.pk).update(due=True, retry_at=None)
    assert sync.look(row.pk)
    return fresh(row)


@pytest.mark.parametrize(
    ("show_cost", "base_url", "words"),
    [
        (True, "https://muster.example", ["$1.50", "[entry 1](https://muster.example/w/{team}/backlog/{entry}/)"]),
        (False, "http://localhost:8765", ["1 round, entry 1."]),
    ],
)
def test_the_text_has_what_the_workspace_shows(
    forge: Asked, settings: Any, show_cost: bool, base_url: str, words: list[str]
) -> None:
    settings.BASE_URL = base_url
    team = a_team(forge={"show_cost": show_cost})
    secrets.put(team.pk, "API_KEY", "sk-very-secret", by=ANA)
    row = proposed(team)
    a_charge(row.entry, "1.50")
    Entry.objects.update(content="Use sk-very-secret\nnow", rounds_completed=1)
    Round.objects.filter(entry=row.entry).update(summary="Wrote sk-very-secret")
    first = Round.objects.get(entry=row.entry)
    Round.objects.create(entry=row.entry, session=first.session, number=first.number - 1, summary="Earlier")
    checks = [{"name": "lint sk-very-secret", "kind": "command", "passed": True, "exit_code": 0}]
    verdict = TreeVerdict.objects.create(
        workspace=team, tree="1", checks_hash="1", commit="1", kind="landing", passed=True, checks=checks
    )
    Landing.objects.update(tried_verdict=verdict)
    look(row)
    [draft] = [each for each in forge.arguments if isinstance(each, Draft)]
    assert draft.title == "Use [secret API_KEY]" and "Wrote [secret API_KEY]" in draft.body and "sk-" not in draft.body
    assert "Earlier" not in draft.body and "`lint [secret API_KEY]`: exit 0" in draft.body
    assert all(word.format(team=team.pk, entry=row.entry_id) in draft.body for word in words)
    assert show_cost or "$" not in draft.body
    assert (draft.branch, draft.base) == (row.branch, "main")


def test_the_evidence_is_that_of_its_merge(forge: Asked) -> None:
    row = proposed(a_team())
    checks = [
        {"name": "tests", "kind": "command", "passed": False, "exit_code": 1, "cases": {"passing": 3, "failing": ["a"]}},
        {"name": "lint", "kind": "command", "passed": True, "exit_code": 2},
    ]
    verdict = TreeVerdict.objects.create(
        workspace=row.workspace, tree="1", checks_hash="1", commit="1", kind="landing", passed=True, checks=checks
    )
    assert list(sync._evidence(row.entry)) == []
    Landing.objects.update(tried_verdict=verdict)
    lines = list(sync._evidence(row.entry))
    assert lines == ["`tests`: 3 pass, 1 fail", "`lint`: exit 2"]
    Landing.objects.update(state="withdrawn")
    assert list(sync._evidence(row.entry)) == []


def test_a_forge_is_asked_for_checks_and_comments_only_of_what_waits_there(forge: Asked) -> None:
    row = opened(a_team(forge={"merge_by": "muster"}))
    for fields, asked in (
        ({}, True),
        ({"state": "closed"}, False),
        ({"head": "d" * 40}, False),
    ):
        there(forge, row, **fields)
        forge.calls.clear()
        look(row)
        assert ({"checks", "comments", "is_approved"} <= set(forge.calls)) is asked
        PullRequest.objects.update(state="open", ended_at=None)
        Entry.objects.update(status="pending", reason_code="waiting_for_merge")
    assert forge.arguments[0] == HEAD


@pytest.mark.parametrize("pushed", [True, False])
def test_an_approval_is_asked_for_where_muster_merges_and_since_the_push(forge: Asked, pushed: bool) -> None:
    row = opened(a_team(forge={"merge_by": "muster", "method": "rebase"}))
    PullRequest.objects.update(pushed_at=LONG_AGO if pushed else None)
    there(forge, row)
    forge.ci, forge.approved = [Check("tests", "passed")], True
    row = look(row)
    since = LONG_AGO if pushed else row.opened_at
    assert (HEAD, since) in forge.arguments
    assert ((HEAD, "rebase") in forge.arguments) is pushed and row.due is pushed


def test_no_approval_is_asked_for_where_a_person_merges(forge: Asked) -> None:
    row = opened(a_team())
    there(forge, row)
    assert look(row).message == "Waiting for a person to merge it" and "is_approved" not in forge.calls


@pytest.mark.parametrize(("problem", "noted"), [(Problem.MOVED, ""), (Problem.PROTECTED_BRANCH, "protected_branch")])
def test_a_head_that_moved_while_it_was_merged_is_looked_at_again(
    forge: Asked, monkeypatch: pytest.MonkeyPatch, problem: Problem, noted: str
) -> None:
    row = opened(a_team(forge={"merge_by": "muster"}), pushed_at=LONG_AGO)
    there(forge, row)
    forge.ci, forge.approved = [Check("tests", "passed")], True

    def refuse(*_: object, **__: object) -> None:
        raise ForgeError(problem, "No")

    monkeypatch.setattr(forge, "merge", refuse)
    assert (look(row).problem, fresh(row).due) == (noted, True)


@pytest.mark.parametrize("ending", ["merged", "closed"])
def test_work_after_the_end_of_a_pull_request_gets_one_of_its_own(forge: Asked, ending: str) -> None:
    forge.head = HEAD
    row = look(proposed(a_team()))
    forge.change(state=ending, merge_commit="f" * 40)
    PullRequest.objects.filter(pk=row.pk).update(state=ending, merge_commit="f" * 40, ended_at=LONG_AGO)
    forge.head = "2" * 40
    again = look(proposed(row.entry.workspace, forge.head, entry=row.entry))
    assert (row.number, again.number, again.state) == (1, 2, "open")
    assert fresh(row).state == ending and len(forge.pulls) == 2


def test_the_reason_of_a_closed_one_is_the_newest_comment_of_its_people(forge: Asked) -> None:
    row = opened(a_team())
    there(forge, row, state="closed", ended_by="ana")
    for name, days, trusted, text in (
        ("1", 1, True, "first"),
        ("2", 3, True, "last" * 200),
        ("3", 4, False, "spam"),
        ("4", 5, True, " "),
    ):
        forge.notes.append(Comment(name, "ana", text, LONG_AGO + timedelta(days=days), is_trusted=trusted))
    forge.notes.reverse()
    assert look(row).message == ("last" * 200)[:400]


def test_findings_are_in_the_order_of_the_files(forge: Asked) -> None:
    row = opened(a_team())
    there(forge, row)
    places = [("b.py", 2, 0), ("b.py", 1, 0), ("a.py", 9, 0), ("", None, 5), ("", None, 1)]
    for n, (path, line, minutes) in enumerate(places):
        at = LONG_AGO + timedelta(minutes=minutes)
        forge.notes.append(Comment(str(n), "ana", f"note {n}", at, path, line, is_trusted=True, asks=True))
    look(row)
    findings = Round.objects.get(entry=row.entry).findings
    assert [finding.rsplit(" ", 1)[1] for finding in findings] == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(("problem", "waits"), [(Problem.RATE_LIMITED, True), (Problem.NOT_FOUND, False)])
def test_a_log_is_waited_for_only_while_the_forge_limits_the_rate(
    forge: Asked, monkeypatch: pytest.MonkeyPatch, problem: Problem, waits: bool
) -> None:
    row = opened(a_team())
    there(forge, row)
    forge.ci = [Check("tests", "failed", log="7", detail="red")]

    def refuse(check: Check) -> str:
        raise ForgeError(problem, "No")

    monkeypatch.setattr(forge, "log", refuse)
    assert (look(row).entry.reason_code == "waiting_for_merge") is waits and fresh(row).problem == (
        "rate_limited" if waits else ""
    )


def test_work_that_was_replaced_while_it_was_opened_is_not_looked_at(forge: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    row = proposed(a_team())
    create = forge.create

    def replaced(draft: Draft) -> Pull:
        PullRequest.objects.update(head="d" * 40)
        return create(draft)

    monkeypatch.setattr(forge, "create", replaced)
    assert look(row).number is None and "get" not in forge.calls and fresh(row).problem == ""


def test_a_webhook_makes_undecided_pull_requests_due_and_a_pushed_base_wakes_a_lander() -> None:
    team = a_team()
    rows = [opened(team, entry=None) for _ in range(3)]
    elsewhere = opened(a_team("Other"))
    PullRequest.objects.update(due=False)
    PullRequest.objects.filter(pk=rows[0].pk).update(state="closed")
    PullRequest.objects.filter(pk=rows[1].pk).update(branch="b")
    Integration.objects.update(due=False)
    assert sync.received(team.pk, Delivery("1", "push", branches=frozenset({"b"})))
    assert [fresh(row).due for row in rows] == [False, True, False] and not Integration.objects.filter(due=True).exists()
    assert sync.received(team.pk, Delivery("2", "push", commits=frozenset({HEAD})))
    assert [fresh(row).due for row in rows] == [False, True, True]
    PullRequest.objects.update(due=False)
    assert sync.received(team.pk, Delivery("3", "push", branches=frozenset({"main"})))
    assert list(Integration.objects.filter(due=True)) == [Integration.objects.get(workspace=team)]
    assert not PullRequest.objects.filter(due=True).exists()
    by_number = Delivery("4", "pull_request", numbers=frozenset({rows[2].number or 0, elsewhere.number or 0}))
    assert sync.received(team.pk, by_number) and not sync.received(team.pk, by_number)
    assert list(PullRequest.objects.filter(due=True)) == [rows[2]]


def test_what_it_contains_is_to_be_merged_in_the_order_of_the_entries(forge: Asked) -> None:
    team = a_team()
    late, early, merged, apart, above = (opened(team, stack=True) for _ in range(5))
    for below, is_stacked in ((late, True), (early, True), (merged, True), (apart, False)):
        Dependency.objects.create(entry=above.entry, depends_on=below.entry, is_stacked=is_stacked)
    Entry.objects.filter(pk=early.entry_id).update(seq=0)
    PullRequest.objects.filter(pk=merged.pk).update(state="merged", merge_commit="f" * 40)
    assert stacking.unmerged_below(above.entry_id) == [early, late]
    there(forge, above)
    numbers = f"{early.number}, {late.number}"
    assert look(above).message == f"Waiting for pull requests {numbers} to be merged first"
    PullRequest.objects.filter(pk=above.pk).update(text_due=True)
    look(above)
    body = forge.pulls[above.number or 0].body
    assert f"It contains {early.url} and {late.url}, to be merged first." in body


def test_an_entry_starts_from_the_open_heads_of_what_it_depends_on() -> None:
    team = a_team()
    late, early, without, above = (opened(team, stack=n < 2) for n in range(4))
    for below in (late, early, without):
        Dependency.objects.create(entry=above.entry, depends_on=below.entry)
    Entry.objects.filter(pk=early.entry_id).update(seq=0)
    assert [entry.pk for entry in stacking.begin(above.entry_id)] == [early.entry_id, late.entry_id]
    assert set(Dependency.objects.filter(is_stacked=True).values_list("depends_on", flat=True)) == {early.entry_id, late.entry_id}


def test_work_that_contains_what_was_closed_goes_to_a_person_unless_that_is_done() -> None:
    team = a_team()
    closed, above = opened(team, stack=True), opened(team)
    requests.closed(closed, "ana", "")
    edge = Dependency.objects.create(entry=above.entry, depends_on=closed.entry, is_stacked=False)
    assert stacking.rejected_below(above.entry_id) is None
    Dependency.objects.filter(pk=edge.pk).update(is_stacked=True)
    following = stacking.rejected_below(above.entry_id)
    assert following is not None and (following.status, following.code) == ("blocked", "merge_rejected")
    assert following.message == f"It contains the work of #{closed.entry.seq} Do it, whose pull request was closed"
