"""A chain of entries on a base that is red, by the whole of Muster: right work lands in order, wrong work does not."""

from collections.abc import Callable

from tests.faults.harness import until
from tests.faults.shop import Shop

# Case `NAME needs FILES`. On the base only the first passes.
CASES = {"kept": "README", "pair": "one two", "four": "two three four", "five": "five"}
CHECK = " ".join(
    [
        "{ echo '<testsuite>';",
        *(
            f"echo \"<testcase classname='t' name='{name}'>\"; for f in {needs}; do test -e $f || echo '<failure message=\"no\"/>'; done;"
            " echo '</testcase>';"
            for name, needs in CASES.items()
        ),
        "echo '</testsuite>'; } > report.xml; ! grep -q failure report.xml",
    ]
)
VERIFY = [{"name": "tests", "run": CHECK, "junit": "report.xml"}]


def a_chain(work: Shop, *texts: str) -> list[str]:
    ids: list[str] = []
    for text in texts:
        ids.append(work.add(text, "spend 0.01", depends_on=ids[-1:]))
    return ids


def test_a_chain_of_five_of_which_the_first_turns_no_test_green_lands_in_order(shop: Callable[..., Shop]) -> None:
    work = shop(verify=VERIFY)
    ids = a_chain(work, *(f"write {name} x" for name in ("one", "two", "three", "four", "five")))
    until(lambda: all(work.entry(id_)["status"] == "done" for id_ in ids), 100, every=0.2)
    assert [len(work.rounds(id_)) for id_ in ids] == [1] * 5
    assert [work.rounds(id_)[0]["is_unproven"] for id_ in ids] == [True, False, True, False, False]
    order = [work.git("log", "--format=%H", "muster/integration", "--", name) for name in ("one", "two", "three", "four", "five")]
    history = work.git("log", "--topo-order", "--reverse", "--format=%H", "muster/integration").split("\n")
    assert [history.index(commits.split("\n")[-1]) for commits in order] == sorted(
        history.index(commits.split("\n")[-1]) for commits in order
    )


def test_work_that_the_next_cannot_turn_green_on_does_not_land(shop: Callable[..., Shop]) -> None:
    work = shop(verify=VERIFY)
    wrong, builds = a_chain(work, "write other x", "write two x")
    until(lambda: "unproven" in str(work.entry(builds)["reasons"]), 60, every=0.2)
    assert work.entry(wrong)["status"] == "pending" and work.merged("other") == ""
    breaks = work.add("do rm README", budget_rounds=1)
    work.becomes(breaks, "failed", 40)
    assert work.merged("README") != ""
