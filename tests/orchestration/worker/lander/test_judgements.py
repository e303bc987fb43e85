"""Checks judge rounds and landings: those that look at their entry, flaky cases, lost reports, and tests that are rightly deleted."""

from collections.abc import Callable

import pytest
from django.conf import settings

from budget.amounts import usd
from orchestration.backlog.entries import Draft
from orchestration.configuration import workspace_setup
from orchestration.models import Integration, Landing, Session, TreeVerdict
from tests.factories import ANA, some_entries
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of

Make = Callable[..., Shop]

# The check reports a case for each file `t-NAME`, which passes unless the file says `fail`.
REPORT = """
{ echo '<testsuite>'; for f in t-*; do echo "<testcase classname='t' name='${f#t-}'>"; grep -q fail $f && echo "<failure message='no'/>"
echo '</testcase>'; done; echo '</testsuite>'; } > report.xml
! grep -q fail t-*
"""
JUNIT = [{"name": "tests", "run": REPORT, "junit": "report.xml"}]
# The agent runs the lines of its entry after the first.
AGENT = 'python3 -c "import json; print(json.load(open(\\"$MUSTER_SPEC_FILE\\"))[\\"content\\"])" | tail -n +2 > /tmp/$$.sh; sh /tmp/$$.sh; rm /tmp/$$.sh'


def a_shop(shop: Make, *cases: str, verify: object = JUNIT) -> Shop:
    """A workspace whose base has these cases, and is judged."""
    work = shop(AGENT, verify=verify, max_workers=8)
    for case in cases:
        work.others_merge(f"t-{case}", "pass\n")
    work.land()
    return work


def does(work: Shop, *lines: str, **draft: object) -> Session:
    """A session whose agent runs these lines; what passes waits for its landing."""
    title = draft.pop("title", "Do it")
    return work.supervise(work.claim(content="\n".join([str(title), *lines]), **draft))


def findings(session: Session) -> str:
    return "\n".join(rounds_of(session)[-1].findings)


def test_a_test_that_is_deleted_fails_the_round(shop: Make) -> None:
    work = a_shop(shop, "kept", "test_old")
    session = does(work, "git rm -q t-te?t_old")
    assert session.outcome == "failed" and "t.test_old is gone or skipped, and passed before" in findings(session)


def test_a_test_that_the_entry_names_is_rightly_deleted_in_its_round_and_at_its_landing(shop: Make) -> None:
    work = a_shop(shop, "kept", "test_old")
    first, second = does(work, "echo pass > t-new"), does(work, "git rm -q t-te?t_old", title="Remove test_old")
    work.land()
    assert [entry_of(session).status for session in (first, second)] == ["done", "done"]
    assert (work.merged("t-new"), work.merged("t-test_old")) == ("pass\n", None)
    assert Landing.objects.filter(state="landed").values("intent").distinct().count() == 1  # judged as one tree


def test_a_test_that_the_spec_names_is_rightly_deleted(shop: Make) -> None:
    work = a_shop(shop, "kept", "test_old")
    draft = Draft("Do it\ngit rm -q t-te?t_old", budget=usd(5), spec={"requirements": ["test_old goes"]})
    session = work.supervise(work.claim(*some_entries(work.workspace, draft)))
    work.land()
    assert (entry_of(session).status, work.merged("t-test_old")) == ("done", None)


def test_a_deleted_test_of_one_entry_does_not_excuse_another_entry(shop: Make) -> None:
    work = a_shop(shop, "kept", "test_old", "test_other")
    session = does(work, "git rm -q t-te?t_o*", title="Remove test_old")
    assert session.outcome == "failed" and "t.test_other is gone" in findings(session) and "test_old is" not in findings(session)


def test_a_report_that_disappears_fails_the_round(shop: Make) -> None:
    work = a_shop(shop, "kept", verify=[{"name": "tests", "run": f"test ! -e silent || exit 0\n{REPORT}", "junit": "report.xml"}])
    session = does(work, "touch silent")
    assert session.outcome == "failed" and "it reports no cases now, and reported some before" in findings(session)


def test_a_report_that_disappears_only_together_is_refused_at_the_landing(shop: Make) -> None:
    silent = f"test -e one -a -e two && exit 0\n{REPORT}"
    work = a_shop(shop, "kept", verify=[{"name": "tests", "run": silent, "junit": "report.xml"}])
    first, second = does(work, "touch one"), does(work, "touch two")
    work.land()
    assert (entry_of(first).status, entry_of(second).status) == ("done", "pending")
    assert "it reports no cases now, and reported some before" in findings(second)


def runs() -> list[str]:
    """The entries for which the check has run, in order."""
    file = settings.DATA_DIR / "runs"
    return file.read_text().split() if file.exists() else []


def flips(work: Shop) -> str:
    """A check of which each second run has a case that fails. It counts its runs outside of the tree."""
    count = f"{work.repo.parent}/runs"
    return f"echo run >> {count}; [ $(( $(wc -l < {count}) % 2 )) = 1 ] && echo fail > t-flaky || echo pass > t-flaky\n{REPORT}"


def test_a_flaky_case_counts_for_neither_in_a_round_and_at_a_landing(shop: Make) -> None:
    work = a_shop(shop, "kept", "flaky")
    workspace_setup.configure(work.workspace, {"verify": [{"name": "tests", "run": flips(work), "junit": "report.xml"}]}, by=ANA)
    work.land()
    first, second = does(work, "echo pass > t-one"), does(work, "echo pass > t-two")
    work.land()
    assert [entry_of(session).status for session in (first, second)] == ["done", "done"]
    judged = TreeVerdict.objects.filter(kind__in=["round", "landing"])
    assert [verdict.checks[0].get("flaky") for verdict in judged] == [True] * 3


def test_a_case_that_breaks_is_no_flaky_case(shop: Make) -> None:
    work = a_shop(shop, "kept", "flaky")
    session = does(work, "echo fail > t-kept")
    assert session.outcome == "failed" and "t.kept passed before: no" in findings(session)


@pytest.mark.parametrize("scope", ["auto", "entry"])
def test_a_check_that_looks_at_its_entry_runs_at_the_landing_once_for_each_entry(shop: Make, scope: str) -> None:
    own = 'test -f "$MUSTER_ENTRY_ID" && echo "$MUSTER_ENTRY_ID" >> ../../runs'
    work = a_shop(shop, "kept", verify=[{"name": "own", "run": own, "scope": scope}, *JUNIT])
    sessions = [does(work, "touch $MUSTER_ENTRY_ID") for _ in range(2)]
    before = len(runs())
    work.land()
    assert [entry_of(session).status for session in sessions] == ["done", "done"]
    assert set(runs()[before:]) == {session.entry_id for session in sessions}
    assert scope == "entry" or ["own"] in Integration.objects.get().entry_scoped.values()


def test_a_check_of_scope_entry_that_is_red_at_the_landing_refuses_the_work(shop: Make) -> None:
    own = 'test -n "$MUSTER_ENTRY_ID" && { test ! -e one || test ! -e two; }'
    work = a_shop(shop, "kept", verify=[{"name": "own", "run": own, "scope": "entry"}, *JUNIT])
    first, second = does(work, "touch one"), does(work, "touch two")
    work.land()
    assert (entry_of(first).status, entry_of(second).status) == ("done", "pending")
    assert f"#{entry_of(first).seq}: own: exited with 1" in findings(second)
