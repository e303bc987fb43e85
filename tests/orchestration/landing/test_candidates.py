"""The merges of a batch as objects: what is merged, contained, refused or left out, and how each commit reads."""

from pathlib import Path

import pytest

from budget.amounts import usd
from budget.models import Account
from orchestration.landing import candidates
from orchestration.landing.candidates import Chain
from orchestration.models import Entry, Landing, Round
from tests.factories import a_session, a_workspace, an_entry, ended
from tests.orchestration.git.repositories import a_repository, git, write
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
DONE = "d" * 40


@pytest.fixture
def shop() -> Workspace:
    return a_workspace(budget="100", max_workers=9)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return a_repository(tmp_path / "repo", a="1\n", b="1\n")


def landing(shop: Workspace, commit: str, title: str = "Do it", **more: object) -> Landing:
    return Landing.objects.create(workspace=shop, entry=an_entry(shop, content=title), commit=commit, **more)


def committed(repo: Path, name: str, text: str, *, on: str = "main") -> str:
    """A commit on a branch of its own."""
    git(repo, "checkout", "--quiet", "--detach", on)
    write(repo / name, text)
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", f"change {name}")
    return git(repo, "rev-parse", "HEAD")


def parents(repo: Path, commit: str) -> list[str]:
    return git(repo, "log", "-1", "--format=%P", commit).split()


def test_a_chain_has_what_merges_and_names_what_is_contained_refused_or_left_out(shop: Workspace, repo: Path) -> None:
    start = git(repo, "rev-parse", "main")
    tip = committed(repo, "c", "tip\n")
    first = committed(repo, "a", "2\n", on=start)
    below_first = landing(shop, first)
    rows = [landing(shop, commit) for commit in (start, first, committed(repo, "b", "2\n", on=first))]
    conflicting, behind = (
        landing(shop, committed(repo, "a", "3\n", on=start)),
        landing(shop, committed(repo, "e", "1\n", on=start)),
    )
    chain = candidates.build(repo, tip, [*rows, below_first, conflicting, behind], base_name="main", good=start)
    assert (chain.tip, chain.good, chain.contained, chain.refused) == (tip, start, [rows[0]], None)
    assert [step.landing for step in chain.steps] == [*rows[1:], below_first], "in the tip alone is contained"
    assert chain.left_out is not None and (chain.left_out[0], chain.left_out[1].files) == (conflicting, ["a"])
    alone = candidates.build(repo, first, [conflicting, behind], base_name="main")
    assert alone.refused is not None and (alone.refused[0], alone.left_out, alone.steps) == (conflicting, None, [])
    assert alone.good == first


def test_several_land_as_one_commit_on_the_tip_with_all_their_names(shop: Workspace, repo: Path) -> None:
    tip = git(repo, "rev-parse", "main")
    rows = [landing(shop, committed(repo, name, "2\n", on=tip), f"Change {name}\n\nMore") for name in "abc"]
    chain = candidates.build(repo, tip, rows, base_name="main", good=DONE)
    first, two = candidates.commit_of(repo, chain, 1), candidates.commit_of(repo, chain, 2)
    tree = git(repo, "rev-parse", f"{two}^{{tree}}")
    assert (parents(repo, first), parents(repo, two)) == ([tip, rows[0].commit], [tip, chain.steps[1].commit])
    assert git(repo, "diff", "--name-only", tip, two).split() == ["a", "b"] and chain.steps[1].tree == tree
    assert git(repo, "log", "-1", "--format=%B", two).split("\n") == [
        "Land #1, #2", "", "#1 Change a", "#2 Change b", "",
        f"Muster-Entry: {rows[0].entry_id}", f"Muster-Entry: {rows[1].entry_id}", f"Muster-Verdict: {tree}",
    ]  # fmt: skip
    assert git(repo, "log", "-1", "--format=%s", first) == "#1 Change a"
    [single] = candidates.build(repo, tip, rows[:1], base_name="main").steps
    assert single.is_final and candidates.commit_of(repo, Chain(tip, tip, [single]), 1) == single.commit


@pytest.mark.parametrize("moves_forward", [True, False])
def test_a_base_branch_that_contains_the_tip_becomes_it_only_where_nothing_else_is_merged(
    shop: Workspace, repo: Path, moves_forward: bool
) -> None:
    tip = git(repo, "rev-parse", "main")
    newer, work = committed(repo, "a", "2\n", on=tip), landing(shop, committed(repo, "b", "2\n", on=tip))
    base = Landing.objects.create(workspace=shop, kind=Landing.Kind.BASE, commit=newer)
    [step] = candidates.build(repo, tip, [base], base_name="main", moves_forward=moves_forward).steps
    assert (step.commit == newer, step.message) == (moves_forward, f"Merge main\n\nMuster-Base: {newer}\n")
    [merged] = candidates.build(repo, tip, [work], base_name="main", moves_forward=moves_forward).steps
    assert parents(repo, merged.commit) == [tip, work.commit]


@pytest.mark.parametrize(("score", "trailer"), [(0.0, "Muster-Score: 0"), (0.75, "Muster-Score: 0.75"), (None, None)])
def test_the_message_of_an_entrys_merge_has_its_round_agent_and_cost(
    shop: Workspace, score: float | None, trailer: str | None
) -> None:
    entry = an_entry(shop, budget="9", content=f"{'Long ' * 60}\n\nMore")
    ended(a_session(entry))
    Account.objects.filter(pk=entry.account_id).update(spent=usd("1.5"))
    Round.objects.update(summary=f"  {'s' * 3000}", score=score)
    row = Landing.objects.create(workspace=shop, entry=Entry.objects.get(pk=entry.pk), commit=DONE, round=Round.objects.get())
    subject, summary, trailers = candidates.message_of(row, "main").rstrip("\n").split("\n\n")
    assert subject == f"#1 {entry.title}"[:200] and summary == "s" * 2000
    expected = [f"Muster-Entry: {entry.pk}", trailer, "Muster-Agent: command", "Muster-Cost-USD: 1.500000"]
    assert trailers.split("\n") == [line for line in expected if line]
