"""Checks that look at the variables of their entry are known for one workspace, and as long as its checks are the same."""

from typing import Any

import pytest

from orchestration import configuration
from orchestration.landing import branch
from orchestration.models import Integration, TreeVerdict
from orchestration.verdicts import checks_hash, scopes
from tests.factories import a_workspace
from tests.orchestration.verdicts.test_comparison import exits, report
from tests.orchestration.verdicts.test_store import record

pytestmark = pytest.mark.django_db
Kind = TreeVerdict.Kind


def config_of(*scope: str, **more: Any) -> configuration.Config:
    return configuration.load({"verify": [{"name": f"check-{each}", "run": "true", "scope": each} for each in scope], **more})


CONFIG = config_of("auto", "entry", "repository")


def test_what_was_found_out_is_kept_for_its_workspace_and_its_checks() -> None:
    mine, theirs = a_workspace(), a_workspace(name="Theirs")
    for workspace in (mine, theirs):
        branch.ensure(workspace.pk)
        assert scopes.entry_scoped(workspace.pk, CONFIG) == {"check-entry"}
    scopes.keep(mine.pk, CONFIG, {"check-auto"})
    assert scopes.entry_scoped(mine.pk, CONFIG) == {"check-auto", "check-entry"}
    assert scopes.entry_scoped(theirs.pk, CONFIG) == {"check-entry"}
    assert scopes.entry_scoped(mine.pk, config_of("auto", setup=["true"])) == set()
    scopes.keep(theirs.pk, alone := config_of("auto"), {"check-auto"})
    assert scopes.entry_scoped(theirs.pk, alone) == {"check-auto"}


def test_what_is_found_out_later_is_kept_next_to_it_and_answers_for_other_checks_are_dropped() -> None:
    workspace, other = a_workspace(), a_workspace(name="Other")
    for each in (workspace, other):
        Integration.objects.create(workspace=each, entry_scoped={"of other checks": ["a"]})
    kept = []
    for names in (set[str](), {"c"}, {"a", "b"}, {"b"}, set[str]()):
        scopes.keep(workspace.pk, CONFIG, names)
        kept.append(Integration.objects.get(pk=workspace.pk).entry_scoped.get(checks_hash.of(CONFIG)))
    assert kept == [None, ["c"], ["a", "b", "c"], ["a", "b", "c"], ["a", "b", "c"]]
    scopes.keep(a_workspace(name="Without a branch").pk, CONFIG, {"a"})
    left = dict(Integration.objects.values_list("pk", "entry_scoped"))
    assert left == {workspace.pk: {checks_hash.of(CONFIG): ["a", "b", "c"]}, other.pk: {"of other checks": ["a"]}}


def test_a_check_whose_scope_was_named_since_is_not_found_out() -> None:
    assert scopes.among(CONFIG, {checks_hash.of(CONFIG): ["check-repository", "gone", "check-auto"]}) == {
        "check-auto",
        "check-entry",
    }


@pytest.mark.parametrize(
    ("kind", "scope", "misleads"),
    [
        (Kind.ROUND, "auto", True),
        (Kind.ROUND, "repository", False),
        *((kind, "auto", False) for kind in (Kind.TIP, Kind.BASELINE, Kind.LANDING)),
    ],
)
def test_a_verdict_made_with_the_variables_of_an_entry_may_mislead(kind: str, scope: str, misleads: bool) -> None:
    assert scopes.may_mislead(record(a_workspace(), report("a"), kind=kind), config_of(scope)) is misleads


def test_the_last_verdict_without_an_entry_shows_which_checks_judge_alone() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    assert scopes.judging_alone(shop.pk, "h") == set()
    record(shop, exits(0))
    assert scopes.judging_alone(shop.pk, "h") == {"tests"}
    record(shop, report("", "a"))
    assert scopes.judging_alone(shop.pk, "h") == {"tests"}
    record(shop, exits(1))
    record(shop, exits(0), kind=Kind.ROUND)
    record(shop, exits(0), checks="g")
    record(other, exits(0))
    assert scopes.judging_alone(shop.pk, "h") == set()
    record(shop, report(""))
    assert scopes.judging_alone(shop.pk, "h") == set()


def test_the_cases_that_the_base_reports_and_the_run_does_not_are_gone() -> None:
    base = report("a", "b", skipped="c", flaky="d")
    assert scopes.gone(report("a"), base) == {"b", "d"}
    assert scopes.gone(exits(1), base) == {"a", "b", "d"}
    assert scopes.gone(report("a"), exits(0)) == scopes.gone(report("a"), None) == set()
