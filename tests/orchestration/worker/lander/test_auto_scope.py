"""Checks of scope `auto` that look at their entry and report cases: what Muster has not found out yet refuses no right work."""

from collections.abc import Callable

import pytest

from orchestration.models import Entry, Integration, Round
from tests.factories import an_entry
from tests.orchestration.worker.lander.test_judgements import AGENT
from tests.orchestration.worker.sessions.shop import Shop, entry_of

Make = Callable[..., Shop]

# The cases of an entry are the words of `own/ID`; a case passes where there is a file `done-NAME`.
REPORT = """
names="%s"
{ echo '<testsuite>'; for n in $names; do echo "<testcase classname='t' name='$n'>"; test -f done-$n || echo "<failure message='no'/>"
echo '</testcase>'; done; echo '</testsuite>'; } > report.xml
for n in $names; do test -f done-$n || exit 1; done
"""
OWN = "$(cat own/$MUSTER_ENTRY_ID 2> /dev/null || %s)"
WITHOUT_ENTRY = {
    "all": OWN % "cat own/* 2> /dev/null",
    "none": OWN % "true",
    "one that fails": OWN % "echo nobody",
    "one that passes": OWN % "echo base",
    "what all share": f"base {OWN % 'true'}",
    "what all share, and one more": f"base {OWN % 'echo more'}",
}


def a_shop(shop: Make, without: str) -> Shop:
    work = shop(AGENT, verify=[{"name": "tests", "run": REPORT % WITHOUT_ENTRY[without], "junit": "report.xml"}], max_workers=8)
    for name in ("base", "more"):
        work.others_merge(f"done-{name}", "")
    work.land()
    return work


def some(work: Shop, *, are_given: bool) -> list[Entry]:
    """Four entries with two cases each. `are_given`: the integration branch has the lists of their cases."""
    entries = []
    for n in range(4):
        lists = "" if are_given else f"mkdir -p own; echo a{n} b{n} > own/$MUSTER_ENTRY_ID\n"
        entries.append(an_entry(work.workspace, budget="5", content=f"Do {n}\n{lists}touch done-a{n} done-b{n}"))
    if are_given:
        place = work.repo.parent / "given"
        work.git("worktree", "add", "--quiet", "--detach", str(place), "muster/integration")
        (place / "own").mkdir()
        for n, entry in enumerate(entries):
            (place / "own" / entry.pk).write_text(f"a{n} b{n}\n")
        work.git("-C", str(place), "add", "-A")
        work.git("-C", str(place), "commit", "--quiet", "-m", "Cases of each entry")
        work.git("update-ref", "refs/heads/muster/integration", work.git("-C", str(place), "rev-parse", "HEAD"))
        work.git("worktree", "remove", str(place))
        work.land()
    return entries


@pytest.mark.parametrize("are_given", [False, True], ids=["new cases", "given cases"])
@pytest.mark.parametrize("together", [False, True], ids=["one after the other", "four at once"])
@pytest.mark.parametrize("without", WITHOUT_ENTRY)
def test_right_work_lands_after_one_round_whatever_the_check_reports_without_an_entry(
    shop: Make, without: str, together: bool, are_given: bool
) -> None:
    work = a_shop(shop, without)
    entries = some(work, are_given=are_given)
    for entry in entries:
        work.supervise(work.claim(entry))
        if not together:
            work.land()
    work.land()
    assert [Entry.objects.get(pk=entry.pk).status for entry in entries] == ["done"] * 4
    rounds = Round.objects.filter(entry__in=entries)
    assert (rounds.count(), all(-1 <= (each.improvement_score or 0) <= 1 for each in rounds)) == (4, True)


@pytest.mark.parametrize("without", WITHOUT_ENTRY)
def test_wrong_work_is_refused_by_its_own_cases_and_passes_once_it_is_right(shop: Make, without: str) -> None:
    work = a_shop(shop, without)
    lists = "mkdir -p own; echo $MUSTER_ENTRY_ID.a $MUSTER_ENTRY_ID.b > own/$MUSTER_ENTRY_ID; touch done-$MUSTER_ENTRY_ID.a"
    first = work.run(content=f"Do it\n{lists}; touch done-$MUSTER_ENTRY_ID.b")
    second = work.run(content=f"Do it\n{lists}; [ $MUSTER_ROUND = 1 ] || touch done-$MUSTER_ENTRY_ID.b")
    assert (entry_of(first).status, second.outcome) == ("done", "failed")
    assert (work.run(entry_of(second)).outcome, entry_of(second).status) == ("passed", "done")


def test_work_that_removes_a_case_of_all_is_refused_although_its_check_looks_at_the_entry_in_no_way(shop: Make) -> None:
    """The verdict on the tip is that of the round before, and is made again without an entry before it refuses anything."""
    work = a_shop(shop, "what all share, and one more")
    work.run(content="Do it\ntouch done-one")
    removes = work.run(content="Do it\ngit rm -q done-more")
    assert (removes.outcome, entry_of(removes).status) == ("failed", "pending")
    assert Integration.objects.get().entry_scoped == {}
