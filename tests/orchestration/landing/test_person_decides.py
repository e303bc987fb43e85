"""The guards and the traces of what a person decides, on a repository without sessions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.configuration import Config
from orchestration.landing import branch, decisions
from orchestration.models import Executor, Integration, Landing, TreeVerdict
from orchestration.verdicts import checks_hash
from orchestration.verdicts.store import record
from tests.factories import ANA, a_worker, a_workspace
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.verdicts.test_comparison import exits
from workspaces.errors import Conflict, Invalid
from workspaces.machine import hosts
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
BRANCH = "muster/integration"


def a_commit(repo: Path, name: str) -> str:
    """A commit on top of main, which stays where it is."""
    git(repo, "checkout", "--quiet", "--detach", "main")
    (repo / name).write_text("1\n")
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", f"add {name}")
    commit = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "--quiet", "main")
    return commit


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """Its branch is red at a commit of a person; Muster's own tip is main."""
    repo = a_repository(tmp_path / "repo", README="hello\n")
    workspace = a_workspace(repo=str(repo))
    main, strange = git(repo, "rev-parse", "main"), a_commit(repo, "strange")
    git(repo, "update-ref", f"refs/heads/{BRANCH}", strange)
    stopped = {"state": "red", "message": "It is red", "foreign_tip": strange, "culprit": strange, "due": False}
    Integration.objects.create(workspace=workspace, tip=main, delivered=main, **stopped)
    return workspace


def row() -> Integration:
    return Integration.objects.get()


def verdict(workspace: Workspace, commit: str, *, code: int = 0) -> TreeVerdict:
    config = Config.model_validate(Executor.objects.get(pk=workspace.pk).config)
    tree = git(Path(workspace.repo), "rev-parse", f"{commit}^{{tree}}")
    kept = {"tree": tree, "commit": commit, "checks_hash": checks_hash.of(config), "kind": TreeVerdict.Kind.TIP}
    return record(workspace.pk, runs=[exits(code)], **kept)  # type: ignore[arg-type]


@pytest.mark.parametrize(("from_now_on", "is_judged"), [(False, True), (True, False)])
def test_an_accepted_tip_is_the_branchs_own_from_now_on(shop: Workspace, from_now_on: bool, is_judged: bool) -> None:
    tip = row().foreign_tip
    if is_judged:
        verdict(shop, tip, code=1)
    decisions.accept(shop, tip, by=ANA, from_now_on=from_now_on)
    now = row()
    assert (now.tip, now.delivered, now.state, now.message, now.foreign_tip, now.culprit) == (tip, tip, "good", "", "", "")
    assert (now.adopt_foreign, now.due) == (from_now_on, True)
    assert git(Path(shop.repo), "rev-parse", branch.ref_of(shop.pk)) == tip
    assert TreeVerdict.objects.filter(kind="accepted", by="ana").exists() is is_judged
    event = Event.objects.get(verb="integration.accepted")
    assert (event.object_id, event.actor, event.data["commit"]) == (shop.pk, "ana", tip)


@pytest.mark.parametrize(
    "changed",
    [{"state": "good"}, {"state": "unknown"}, {"foreign_tip": "f" * 40}, {"foreign_tip": ""}],
    ids=lambda each: str(each),
)
@pytest.mark.parametrize("decide", [decisions.accept, decisions.put_back])
def test_only_a_branch_that_is_stopped_at_the_tip_that_was_seen_is_decided(
    shop: Workspace, changed: dict[str, str], decide: Callable[..., object]
) -> None:
    seen = "" if changed.get("foreign_tip") == "" else row().foreign_tip
    Integration.objects.update(**changed)
    with pytest.raises(Conflict, match="has changed meanwhile"):
        decide(shop, seen, by=ANA)
    assert not Event.objects.filter(verb__startswith="integration.").exists() and not row().due


@pytest.mark.parametrize("state", ["red", "waiting", "unusable"])
def test_a_branch_that_is_put_back_is_good_again_and_a_lander_looks(shop: Workspace, state: str) -> None:
    Integration.objects.update(state=state)
    strange, good = row().foreign_tip, row().tip
    kept = decisions.put_back(shop, strange, by=ANA)
    repo, now = Path(shop.repo), row()
    assert (git(repo, "rev-parse", BRANCH), git(repo, "rev-parse", kept)) == (good, strange)
    assert (now.state, now.message, now.foreign_tip, now.culprit, now.delivered, now.tip, now.due) == (
        "good", "", "", "", good, good, True,
    )  # fmt: skip
    event = Event.objects.get(verb="integration.put_back")
    assert (event.actor, event.data["commit"], event.data["kept"]) == ("ana", good, kept)


def test_a_branch_that_is_checked_out_or_was_moved_meanwhile_is_not_put_back(shop: Workspace, tmp_path: Path) -> None:
    repo, strange = Path(shop.repo), row().foreign_tip
    git(repo, "worktree", "add", "--quiet", str(tmp_path / "there"), BRANCH)
    with pytest.raises(Invalid, match="is checked out in"):
        decisions.put_back(shop, strange, by=ANA)
    git(repo, "worktree", "remove", str(tmp_path / "there"))
    git(repo, "update-ref", f"refs/heads/{BRANCH}", a_commit(repo, "other"))
    with pytest.raises(Conflict, match="was moved meanwhile"):
        decisions.put_back(shop, strange, by=ANA)
    assert row().state == "red" and not Event.objects.filter(verb="integration.put_back").exists()


@pytest.fixture
def shared(shop: Workspace, tmp_path: Path) -> Path:
    """The remote that two hosts share: this one has not fetched the strange commit, which a lander on the other has seen."""
    remote, clone = tmp_path / "remote.git", tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--bare", shop.repo, str(remote))
    git(tmp_path, "clone", "--quiet", "--single-branch", "--branch", "main", f"file://{remote}", str(clone))
    shop.repo, shop.origin, shop.host_id = str(clone), str(remote), hosts.host_id()
    shop.save()
    a_worker(host="other")
    return remote


def test_a_branch_that_hosts_share_is_put_back_where_they_share_it(shop: Workspace, shared: Path) -> None:
    strange, good = row().foreign_tip, row().tip
    kept = decisions.put_back(shop, strange, by=ANA)
    assert git(shared, "rev-parse", BRANCH) == git(Path(shop.repo), "rev-parse", BRANCH) == good
    assert git(Path(shop.repo), "rev-parse", kept) == strange


def test_a_tip_that_another_host_has_seen_is_accepted(shop: Workspace, shared: Path) -> None:
    strange = row().foreign_tip
    decisions.accept(shop, strange, by=ANA)
    assert (row().state, row().tip) == ("good", strange)


def test_what_a_person_asks_of_a_lander_is_noted_for_it(shop: Workspace) -> None:
    decisions.check_again(shop, by=ANA)
    assert row().recheck and row().due
    with pytest.raises(Invalid, match="No remote is configured"):
        decisions.push(shop, by=ANA)
    Integration.objects.update(due=False)
    Executor.objects.update(config={"push": {"remote": "origin"}})
    decisions.push(shop, by=ANA)
    assert row().push_wanted and row().due
    assert list(Event.objects.filter(actor="ana", object_id=shop.pk).order_by("id").values_list("verb", flat=True)) == [
        "integration.check", "integration.push",
    ]  # fmt: skip


def test_while_the_branch_is_red_its_own_commits_can_be_reverted_and_else_those_of_the_tip(shop: Workspace) -> None:
    strange, good = row().foreign_tip, row().tip
    landing = decisions.revert(shop, strange[:10], by=ANA)
    assert (landing.kind, landing.commit, landing.by, landing.entry) == ("revert", strange, "ana", None)
    event = Event.objects.get(verb="integration.revert")
    assert (event.actor, event.data["commit"]) == ("ana", strange)
    Integration.objects.update(state="good")
    with pytest.raises(Invalid, match="is not a commit"):
        decisions.revert(shop, strange, by=ANA)
    assert decisions.revert(shop, good, by=ANA).commit == good
    Integration.objects.update(tip="")
    for commit in (good, "nonsense", "--all"):
        with pytest.raises(Invalid, match="is not a commit"):
            decisions.revert(shop, commit, by=ANA)
    assert Landing.objects.count() == 2


@pytest.mark.parametrize("checked_out", [True, False])
def test_the_base_branch_moves_forward_to_a_good_tip_and_is_recorded(shop: Workspace, checked_out: bool) -> None:
    repo, before, tip = Path(shop.repo), row().tip, row().foreign_tip
    if not checked_out:
        git(repo, "checkout", "--quiet", "--detach")
    Integration.objects.update(state="good", tip=tip, base_problem="it was behind", due=False)
    assert decisions.merge_into_base(shop, tip, by=ANA) == before
    assert git(repo, "rev-parse", "main") == tip and (repo / "strange").exists() is checked_out
    assert (row().base_tip, row().base_problem) == (tip, "")
    event = Event.objects.get(verb="integration.merged")
    assert (event.actor, event.data["branch"], event.data["commit"]) == ("ana", "main", tip)
    assert decisions.merge_into_base(shop, tip, by=ANA) == tip
    assert Event.objects.filter(verb="integration.merged").count() == 1, "it is there already"


def test_with_checks_only_a_tip_that_passed_them_is_merged_into_the_base(shop: Workspace) -> None:
    tip = row().foreign_tip
    Executor.objects.update(config={"verify": [{"name": "tests", "run": "true"}]})
    Integration.objects.update(state="unknown", tip=tip, message="")
    with pytest.raises(Invalid, match="not judged yet"):
        decisions.merge_into_base(shop, tip, by=ANA)
    Integration.objects.update(state="good")
    with pytest.raises(Invalid, match="no passing verdict"):
        decisions.merge_into_base(shop, tip, by=ANA)
    verdict(shop, tip)
    decisions.merge_into_base(shop, tip, by=ANA)
    assert git(Path(shop.repo), "rev-parse", "main") == tip


def test_a_base_branch_that_is_gone_or_not_contained_stays(shop: Workspace) -> None:
    repo, tip = Path(shop.repo), row().foreign_tip
    Integration.objects.update(state="good", tip=tip)
    git(repo, "update-ref", "refs/heads/main", a_commit(repo, "theirs"))
    fields: dict[str, Any] = {"by": ANA}
    with pytest.raises(Invalid, match="they are merged first"):
        decisions.merge_into_base(shop, tip, **fields)
    shop.base_branch = "gone"
    with pytest.raises(Conflict, match="gone was not moved"):
        decisions.merge_into_base(shop, tip, **fields)
    assert not Event.objects.filter(verb="integration.merged").exists()
