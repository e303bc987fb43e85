"""Right work on a red base that no test shows, where work lands by pull request: it has none before it is proven, and then its own."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.approval import deciding
from orchestration.backlog import entry_actions
from orchestration.models import Dependency, Entry, Landing, PullRequest, Round
from tests.factories import ANA
from tests.orchestration.git.repositories import git
from tests.orchestration.pull_requests.fake import FakeForge
from tests.orchestration.pull_requests.team import Team
from tests.orchestration.worker.lander.test_chains import AGENT, JUNIT, chain, state
from tests.orchestration.worker.sessions.shop import Shop

Make = Callable[..., Shop]
WAITS = ("pending", "waiting_for_merge")


@pytest.fixture
def red(shop: Make, forge: FakeForge) -> Callable[..., Team]:
    """Makes a workspace on a red base whose work lands by pull request: its one failing case needs the files a, b and c."""

    def make(**config: Any) -> Team:
        rules = {"kind": "github", "repository": "team/shop", **config.pop("forge", {})}
        work = shop(AGENT, verify=JUNIT, max_workers=8, land_by="pull_request", forge=rules, **config)
        for name, needs in {"kept": "README", "last": "a b c"}.items():
            (work.repo / f"t-{name}").write_text(f"{needs}\n")
        work.git("add", "-A")
        work.git("commit", "--quiet", "-m", "A red base")
        work.git("branch", "--force", "muster/integration")
        return Team(work, forge)

    return make


def run(group: Team, *entries: Entry) -> None:
    for entry in entries:
        group.work.supervise(group.work.claim(Entry.objects.get(pk=entry.pk)))
        group.land()


@pytest.mark.parametrize("stack", [False, True])
def test_the_chain_has_no_pull_request_before_a_test_turns_green_and_then_one_for_each(
    red: Callable[..., Team], forge: FakeForge, stack: bool
) -> None:
    group = red(forge={"stack": stack})
    a, b, c = chain(group.work, "a", "b", "c")
    run(group, a, b)
    assert state(a) == state(b) == ("pending", "waiting_for_proof") and not PullRequest.objects.exists()
    run(group, c)
    assert [state(entry) for entry in (a, b, c)] == [WAITS] * 3
    assert [row.entry_id for row in PullRequest.objects.order_by("pk")] == [a.pk, b.pk, c.pk]
    assert Round.objects.count() == 3
    for number in (1, 2, 3):
        for _ in range(2):
            group.look()
        assert number in forge.pulls


def test_each_is_done_when_it_is_merged_the_lowest_first(red: Callable[..., Team], forge: FakeForge) -> None:
    group = red()
    a, b, c = entries = chain(group.work, "a", "b", "c")
    run(group, a, b, c)
    for entry in entries:
        for _ in range(2):
            group.look()
        number = PullRequest.objects.get(entry=entry).number
        assert number is not None
        group.merge_there(number)
        for _ in range(2):
            group.look()
        group.land()
        assert state(entry) == ("done", "")
    assert Round.objects.count() == 3 and [group.work.merged(name) for name in "abc"] == ["a\n", "b\n", "c\n"]


def test_what_a_person_lets_land_has_a_pull_request(red: Callable[..., Team], forge: FakeForge) -> None:
    group = red()
    [a] = chain(group.work, "a")
    run(group, a)
    assert state(a) == ("pending", "unproven") and not PullRequest.objects.exists()
    deciding.approve(a, Landing.objects.get().commit, by=ANA)
    group.land()
    assert state(a) == WAITS and PullRequest.objects.get().pushed == group.at(a.branch)


def test_unproven_work_that_leaves_takes_what_contains_it_along(red: Callable[..., Team], forge: FakeForge) -> None:
    group = red()
    a, b, c = chain(group.work, "a", "b", "c")
    run(group, a, b)
    entry_actions.put_on_hold(a, by=ANA)
    group.work.supervise(group.work.claim(Entry.objects.get(pk=c.pk)))
    group.land()
    assert state(a)[0] == "blocked" and not PullRequest.objects.exists()
    assert Dependency.objects.filter(is_stacked=True).exists()
    assert git(group.remote, "branch", "--list", "muster/entry*") == ""
