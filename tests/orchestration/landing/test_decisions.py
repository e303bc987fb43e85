"""A person's decision about the integration branch moves it only as far as was seen, and loses nothing."""

from collections.abc import Callable

import pytest

from orchestration.landing import decisions
from orchestration.models import Integration, Landing, TreeVerdict
from tests.factories import ANA
from tests.orchestration.worker.sessions.shop import BRANCH, Shop
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event

Make = Callable[..., Shop]
CHECK = [{"name": "tests", "run": "test ! -e broken"}]


def row_of(work: Shop) -> Integration:
    return Integration.objects.get(pk=work.workspace.pk)


def a_red_branch(shop: Make) -> tuple[Shop, str]:
    work = shop("echo yes > ok", verify=CHECK)
    work.land()
    work.others_merge("broken", "1")
    work.land()
    assert row_of(work).state == "red"
    return work, row_of(work).foreign_tip


def test_an_accepted_tip_is_the_new_baseline_and_has_a_verdict_of_its_own(shop: Make) -> None:
    work, tip = a_red_branch(shop)
    decisions.accept(work.workspace, tip, by=ANA)
    assert (row_of(work).state, row_of(work).tip) == ("good", tip)
    assert TreeVerdict.objects.get(kind="accepted").by == "ana"
    work.land()
    assert row_of(work).state == "good"


def test_a_branch_that_is_put_back_keeps_its_commits_under_a_ref(shop: Make) -> None:
    work, tip = a_red_branch(shop)
    kept = decisions.put_back(work.workspace, tip, by=ANA)
    assert work.git("rev-parse", kept) == tip
    assert work.git("rev-parse", BRANCH) == row_of(work).tip != tip
    assert Event.objects.get(verb="integration.put_back").data["kept"] == kept


@pytest.mark.parametrize("decide", [decisions.accept, decisions.put_back])
def test_a_decision_about_another_tip_than_the_one_there_now_is_refused(shop: Make, decide: Callable[..., object]) -> None:
    work, _ = a_red_branch(shop)
    with pytest.raises(Conflict, match="has changed meanwhile"):
        decide(work.workspace, "a" * 40, by=ANA)
    assert row_of(work).state == "red"


def test_only_a_commit_of_the_branch_can_be_reverted_and_it_is_queued_once(shop: Make) -> None:
    work = shop()
    work.run()
    with pytest.raises(Invalid, match="not a commit of the integration branch"):
        decisions.revert(work.workspace, "a" * 40, by=ANA)
    tip = work.git("rev-parse", BRANCH)
    assert decisions.revert(work.workspace, tip, by=ANA) == decisions.revert(work.workspace, tip, by=ANA)
    assert Landing.objects.filter(kind="revert").count() == 1


def test_main_moves_forward_with_the_files_of_a_clean_working_copy(shop: Make) -> None:
    work = shop()
    work.run()
    tip = row_of(work).tip
    before = decisions.merge_into_base(work.workspace, tip, by=ANA)
    assert work.git("rev-parse", "main") == tip != before
    assert (work.repo / "ok").read_text() == "yes\n"
    assert work.git("status", "--porcelain") == ""


def test_a_dirty_working_copy_is_refused_and_nothing_moves(shop: Make) -> None:
    work = shop()
    work.run()
    (work.repo / "README").write_text("mine")
    before = work.git("rev-parse", "main")
    with pytest.raises(Invalid, match="with changes that are not committed"):
        decisions.merge_into_base(work.workspace, row_of(work).tip, by=ANA)
    assert (work.git("rev-parse", "main"), (work.repo / "README").read_text()) == (before, "mine")


def test_main_does_not_move_to_another_tip_than_the_one_seen_nor_to_one_that_is_not_good(shop: Make) -> None:
    work, _ = a_red_branch(shop)
    with pytest.raises(Conflict, match="new tip"):
        decisions.merge_into_base(work.workspace, "a" * 40, by=ANA)
    with pytest.raises(Invalid, match="is red since"):
        decisions.merge_into_base(work.workspace, row_of(work).tip, by=ANA)


def test_main_does_not_move_back_over_commits_that_are_not_in_the_branch(shop: Make) -> None:
    work = shop(follow_base=False)
    work.run()
    (work.repo / "more").write_text("1")
    work.git("add", "-A")
    work.git("commit", "--quiet", "-m", "more")
    with pytest.raises(Invalid, match="they are merged first"):
        decisions.merge_into_base(work.workspace, row_of(work).tip, by=ANA)


def test_a_push_needs_a_remote(shop: Make) -> None:
    work = shop()
    work.land()
    with pytest.raises(Invalid, match="No remote is configured"):
        decisions.push(work.workspace, by=ANA)


def test_main_does_not_move_to_a_tip_whose_newest_verdict_is_red(shop: Make) -> None:
    """The row is good still: a person has just run the checks again."""
    work = shop(verify=CHECK)
    work.run()
    TreeVerdict.objects.filter(tree=work.git("rev-parse", f"{row_of(work).tip}^{{tree}}")).update(passed=False)
    before = work.git("rev-parse", "main")
    with pytest.raises(Invalid, match="no passing verdict"):
        decisions.merge_into_base(work.workspace, row_of(work).tip, by=ANA)
    assert work.git("rev-parse", "main") == before


def test_from_now_on_holds_when_a_later_tip_is_accepted_by_itself(shop: Make) -> None:
    work, tip = a_red_branch(shop)
    Integration.objects.update(adopt_foreign=True)
    decisions.accept(work.workspace, tip, by=ANA)
    assert row_of(work).adopt_foreign
