"""An agent's work must show its targets, given what is known of the tree that it started from."""

from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from django.utils.timezone import now

from orchestration import configuration
from orchestration.configuration import Config
from orchestration.models import Entry, TreeVerdict
from orchestration.verdicts import bases, checks_hash, store
from orchestration.verdicts.comparison import Question
from orchestration.worker.steps import verifying
from orchestration.worker.steps.context import RoundContext
from orchestration.worker.steps.verifying import question_for
from tests.factories import a_workspace
from tests.orchestration.verdicts.test_comparison import report
from workspaces.models import Workspace

Kind = TreeVerdict.Kind


def test_a_question_has_the_targets_and_the_text_without_the_tests() -> None:
    """A test that the text names may be removed: its targets and their files name none."""
    spec = {"tests": ["test_a", 7], "requirements": ["drop test_old"], "test_files": {"t.py": "def test_b(): ..."}}
    entry = Entry(content="Make it so", spec=spec)
    assert question_for(entry, "all_green", needs_gain=False) == Question(
        policy="all_green", targets=("test_a", "7"), text="Make it so\n['drop test_old']", needs_gain=False
    )
    assert question_for(Entry(content="x", spec={"tests": "test_a"}), "no_regression") == Question(targets=(), text="x")


def a_config(*scopes: str) -> Config:
    checks = [{"name": name, "run": "pytest", "scope": scope} for name, scope in zip(("tests", "own"), scopes, strict=False)]
    return configuration.merged({}, {"verify": checks, "verdict_max_age_s": 3600})


def a_context(shop: Workspace, config: Config) -> RoundContext:
    """A round whose base is the tree `t`."""
    context = SimpleNamespace(
        bench=SimpleNamespace(config=config, repo=None, workspace_id=shop.pk, checks_hash=checks_hash.of(config)),
        worktree=SimpleNamespace(base_sha="b" * 40),
        session=SimpleNamespace(workspace_id=shop.pk),
        base_tree="t",
        check_stop_requests=lambda: None,
    )
    return cast(RoundContext, context)


def judged(shop: Workspace, config: Config, *failed: str, tree: str = "t", kind: Kind = Kind.TIP, hours: int = 0) -> None:
    runs = [report("ok", " ".join(failed), name=check.name) for check in config.verify]
    verdict = store.record(shop.pk, tree=tree, commit="c", checks_hash=checks_hash.of(config), kind=kind, runs=runs)
    TreeVerdict.objects.filter(pk=verdict.pk).update(at=now() - timedelta(hours=hours))


def failing(shop: Workspace, config: Config, *targets: str) -> list[str]:
    return bases.failing(shop.pk, "t", checks_hash.of(config), but=targets)


def test_what_fails_already_is_listed_without_the_entrys_targets(shop: Workspace) -> None:
    config = a_config("repository", "repository")
    assert failing(shop, config) == []
    judged(shop, config, "a", "old")
    judged(shop, config, "d", "c", "b")
    judged(a_workspace(name="Other"), config, "theirs")
    judged(shop, config, "elsewhere", tree="u")
    assert failing(shop, config) == ["b", "c", "d"]
    assert failing(shop, config, "c", "a") == ["b", "d"]


@pytest.mark.parametrize(
    ("scope", "kind", "hours", "is_doubtful"),
    [
        ("repository", Kind.TIP, 0, False),
        ("repository", Kind.TIP, 2, True),
        ("repository", Kind.ROUND, 0, False),
        ("auto", Kind.ROUND, 0, True),
        ("auto", Kind.LANDING, 0, False),
    ],
)
def test_a_base_is_doubtful_where_it_is_old_or_was_judged_for_an_entry(
    shop: Workspace, scope: str, kind: Kind, hours: int, is_doubtful: bool
) -> None:
    config = a_config(scope, "entry")
    judged(shop, config, kind=kind, hours=hours)
    known = verifying._base(a_context(shop, config))
    assert (known.tree, set(known.runs), known.is_doubtful) == ("t", {"tests"}, is_doubtful), "a check of its entry has no base"
