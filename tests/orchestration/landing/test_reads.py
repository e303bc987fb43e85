"""Pages and the API show an integration branch and its queue."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import OuterRef
from django.utils.timezone import now

from orchestration import configuration
from orchestration.landing import queue, reads
from orchestration.landing.reads import Distance
from orchestration.models import Entry, Executor, IntegrationCommit, Landing, PullRequest, TreeVerdict
from orchestration.verdicts import checks_hash
from orchestration.verdicts.store import record
from tests.factories import CLOSED, a_workspace, an_entry, some_entries
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.verdicts.test_comparison import exits, report
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40


@pytest.fixture
def shop() -> Workspace:
    return a_workspace()


def landed(entry: Entry, **more: Any) -> Landing:
    fields = {"commit": COMMIT, "state": "landed", "ended_at": now(), **more}
    return Landing.objects.create(workspace=entry.workspace, entry=entry, **fields)


def test_what_landed_since_is_what_is_done_still(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    midnight = now() - timedelta(hours=1)
    kept, reopened, deleted, old, refused = some_entries(shop, *"abcde")
    Entry.objects.update(**CLOSED)
    first = landed(kept, ended_at=midnight)
    again = landed(kept)
    landed(reopened)
    landed(deleted)
    landed(old, ended_at=midnight - timedelta(seconds=1))
    landed(refused, state="refused")
    Landing.objects.create(workspace=shop, kind="base", commit=COMMIT, state="landed", ended_at=now())
    Entry.objects.filter(pk=reopened.pk).update(status="pending", done_way="", done_by="")
    Entry.objects.filter(pk=deleted.pk).update(deleted_at=now())
    elsewhere = an_entry(a_workspace(name="Other"))
    Entry.objects.filter(pk=elsewhere.pk).update(**CLOSED)
    theirs = landed(elsewhere)
    assert set(reads.landed_since(midnight, shop.pk)) == {first, again}
    assert set(reads.landed_since(midnight, elsewhere.workspace_id)) == {theirs}
    per_workspace = Executor.objects.filter(pk__in=reads.landed_since(midnight, OuterRef("pk")).values("workspace"))
    assert per_workspace.count() == 2
    monkeypatch.setattr(reads, "MAX_RECENT", 1)
    assert not reads.landed_since(midnight, shop.pk).exists(), "the newest landings alone are looked at"


def test_work_with_people_is_named_with_its_open_pull_request_the_longest_first(shop: Workspace) -> None:
    waiting, proposed, queued = some_entries(shop, *"abc")
    rows = [landed(waiting, state="waiting"), landed(proposed, state="proposed")]
    landed(queued, state="queued")
    landed(an_entry(a_workspace(name="Other")), state="waiting")
    pull = {"workspace": shop, "entry": proposed, "branch": "b", "base": "main", "head": COMMIT}
    PullRequest.objects.create(**pull, number=1, forge_id="1", state="closed", url="https://git.example.com/1")
    PullRequest.objects.create(**pull, number=2, forge_id="2", state="open", url="https://git.example.com/2")
    shown = list(reads.with_people(shop.pk))
    assert shown == rows and [each.pull_url for each in shown] == [None, "https://git.example.com/2"]  # type: ignore[attr-defined]
    assert [each.entry_id for each in queue.in_order(shop.pk)] == [queued.pk]


def test_the_history_is_what_muster_wrote_newest_first_by_pages(shop: Workspace) -> None:
    other = a_workspace(name="Other")
    states = (IntegrationCommit.State.DONE,) * 3 + (IntegrationCommit.State.VOID, IntegrationCommit.State.INTENDED)
    fields = {"old": COMMIT, "new": COMMIT, "tree": COMMIT, "subject": "x"}
    rows = [IntegrationCommit.objects.create(workspace=shop, state=state, **fields) for state in states]
    IntegrationCommit.objects.create(workspace=other, state=states[0], **fields)
    assert list(reads.history(shop.pk)) == [rows[2], rows[1], rows[0]]


def test_a_verdict_is_summed_up_over_its_checks(shop: Workspace) -> None:
    runs = [report("a b", "c d", name="unit"), report("e", name="other"), exits(0, name="lint")]
    kept = {"tree": "t", "commit": COMMIT, "checks_hash": "h", "kind": TreeVerdict.Kind.TIP, "seconds": 7}
    summary = reads.summary(record(shop.pk, runs=runs, **kept))  # type: ignore[arg-type]
    assert (summary.passing, summary.failing, summary.total, summary.seconds, summary.green) == (3, 2, 5, 7, False)
    assert summary.names == ("c", "d") and [check["name"] for check in summary.checks] == ["unit", "other", "lint"]
    assert reads.summary(record(shop.pk, runs=runs[1:], **kept)).green  # type: ignore[arg-type]


@pytest.mark.parametrize("is_old", [False, True])
def test_failing_cases_are_counted_beyond_those_that_are_listed(shop: Workspace, is_old: bool) -> None:
    runs = [report("a b", " ".join(f"c{n}" for n in range(2_003)), name="unit"), report("e", "f", name="other")]
    kept = {"tree": "t", "commit": COMMIT, "checks_hash": "h", "kind": TreeVerdict.Kind.TIP}
    verdict = record(shop.pk, runs=runs, **kept)  # type: ignore[arg-type]
    for check in verdict.checks if is_old else ():
        del check["raw_failing"]
    summary = reads.summary(verdict)
    assert (summary.failing, summary.passing, summary.total, len(summary.names)) == (2_004, 3, 2_007, 2_001)
    assert [check["raw_failing"] for check in summary.checks] == [2_003, 1]


def test_a_check_is_shown_without_what_only_comparisons_need() -> None:
    check = {"name": "unit", "raw_score": 1, "cases": {"passed": ["a"], "failing": ["b"]}}
    assert reads.shown_check(check) == {"name": "unit", "cases": {"failing": ["b"]}}
    assert reads.shown_check({"name": "lint", "raw_passed": True}) == {"name": "lint"}


def test_a_page_shows_the_number_of_all_failing_cases_of_a_check() -> None:
    cases = {"passed": ["a"], "failing": ["b"]}
    assert reads.on_page({"cases": cases, "raw_failing": 2_001})["failing"] == 2_001
    assert reads.on_page({"cases": cases})["failing"] == 1
    assert reads.on_page({"name": "lint"}) == {"name": "lint"}


def test_the_distance_and_the_files_of_a_tip_are_those_beyond_the_base_branch(shop: Workspace, tmp_path: Any) -> None:
    repo = a_repository(tmp_path / "repo", README="hello\n")
    Workspace.objects.filter(pk=shop.pk).update(repo=str(repo))
    shop.refresh_from_db()
    base = git(repo, "rev-parse", "main")
    (repo / "new").write_text("1\n2\n")
    (repo / "picture").write_bytes(b"\0\1")
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "two files")
    tip = git(repo, "rev-parse", "HEAD")
    git(repo, "reset", "--quiet", "--hard", base)
    for name in ("theirs", "more"):
        (repo / name).write_text("1\n")
        git(repo, "add", "-A")
        git(repo, "commit", "--quiet", "-m", name)
    assert reads.distance(shop, tip) == Distance(ahead=1, behind=2)
    assert reads.changed_files(shop, tip) == [("new", 2, 0), ("picture", 0, 0)]
    for unknown in ("", "f" * 40):
        assert reads.distance(shop, unknown) == Distance(None, None) and reads.changed_files(shop, unknown) == []
        assert reads.verdict_of(shop, unknown) is None
    assert reads.base_commit(shop) == git(repo, "rev-parse", "main")


def test_the_newest_verdict_on_a_tip_by_todays_checks_names_what_entries_are_likely_about(shop: Workspace, tmp_path: Any) -> None:
    repo = a_repository(tmp_path / "repo", README="hello\n")
    Workspace.objects.filter(pk=shop.pk).update(repo=str(repo))
    shop.refresh_from_db()
    tip, tree = git(repo, "rev-parse", "main"), git(repo, "rev-parse", "main^{tree}")
    hash_ = checks_hash.of(configuration.load(Executor.objects.get(pk=shop.pk).config))
    row = reads.integration(shop.pk)
    drafts = {
        1: ("Implement naturalsize", {}),
        2: ("Other", {"tests": ["t.a"]}),
        3: ("Write", {"files_to_create": ["intcomma.py"]}),
    }
    drafts[4] = ("Repair it", {"files_to_modify": ["src/naturalsize.py"]})
    assert reads.failing_on_tip(shop) == {} and reads.likely_targets(shop, drafts) == {}
    type(row).objects.filter(pk=shop.pk).update(tip=tip)
    kept = {"tree": tree, "commit": tip, "kind": TreeVerdict.Kind.TIP}
    run = report("a", "t.test_naturalsize t.test_intcomma")
    verdict = record(shop.pk, runs=[run], checks_hash=hash_, **kept)  # type: ignore[arg-type]
    record(shop.pk, runs=[report("a")], checks_hash="of other checks", **kept)  # type: ignore[arg-type]
    assert reads.verdict_of(shop, tip) == verdict
    assert reads.failing_on_tip(shop) == {"t.test_naturalsize": "no", "t.test_intcomma": "no"}
    likely = reads.likely_targets(shop, drafts)
    assert likely == {1: ["t.test_naturalsize"], 3: ["t.test_intcomma"], 4: ["t.test_naturalsize"]}


def test_entries_are_ready_for_the_base_whose_work_it_does_not_have(tmp_path: Any) -> None:
    repo = a_repository(tmp_path / "repo", README="hello\n")
    shop, tips = a_workspace(repo=str(repo)), [git(repo, "rev-parse", "main")]
    git(repo, "checkout", "--quiet", "-b", "muster/integration")
    for entry in (*some_entries(shop, "merged", "kept", "undone"), None):
        git(repo, "commit", "--quiet", "--allow-empty", "-m", "x")
        tips.append(git(repo, "rev-parse", "HEAD"))
        row = IntegrationCommit.objects.create(
            workspace=shop, old=tips[-2], new=tips[-1], tree="1" * 40, subject="x", state="done"
        )
        if entry is not None:
            landed(entry, intent=row)
            Entry.objects.filter(pk=entry.pk).update(**CLOSED if entry.seq < 3 else {})
    git(repo, "branch", "--force", "main", tips[1])
    assert (reads.entries_ahead(shop, tips[-1]), reads.distance(shop, tips[-1]).ahead) == (1, 3)
    assert reads.entries_ahead(shop, "") == 0
