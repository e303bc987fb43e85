"""A package cache is filled by setup of what the branch has, and by nothing else. All others see it, and change only their own view."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.models import Round
from orchestration.processes import sandbox_probe
from orchestration.sessions.stages import caches
from orchestration.worker import housekeeping
from tests.orchestration.worker.sessions.shop import Shop
from workspaces.models import Workspace

Make = Callable[..., Shop]
FETCH = "mkdir -p ~/.npm/a; for n in $(cat names); do test -f ~/.npm/a/$n || { echo $n >> $PLACES/fetched; echo $n > ~/.npm/a/$n; }; done"
HAS_ALL = [{"name": "ok", "run": "test -f ok && for n in $(cat names); do grep -q $n ~/.npm/a/$n || exit 1; done"}]


@pytest.fixture
def places(tmp_path: Path) -> Path:
    if problem := sandbox_probe.overlays(tmp_path):
        pytest.skip(problem)
    (tmp_path / "places").mkdir()
    return tmp_path / "places"


def fetching(shop: Make, places: Path, agent: str, setup: str = FETCH, **config: Any) -> Shop:
    """A project whose setup notes each of its `names` that it downloads, since the cache lacks it. The lander has judged its branch."""
    sandbox, env = {"write": [str(places)]}, {"PLACES": str(places)}
    work = shop(agent, setup=[setup], caches=["~/.npm"], sandbox=sandbox, env=env, **config)
    (work.repo / "names").write_text("one\n")
    for command in ("add names", "commit --quiet -m names", "branch --force muster/integration"):
        work.git(*command.split())
    work.land()
    return work


def kept(work: Shop) -> list[str]:
    with caches.held(work.workspace.pk) as newest:
        return sorted(os.listdir(newest / ".npm/a")) if newest is not None else []


def test_what_landed_is_downloaded_once_and_what_did_not_land_stays_out(shop: Make, places: Path) -> None:
    work = fetching(
        shop,
        places,
        "test -f ~/.npm/a/one && echo yes > ~/.npm/a/mine && cp ~/.npm/a/mine ok && echo two >> names",
        verify=HAS_ALL,
    )
    session = work.supervise(work.claim())
    assert session.outcome == "passed", [round_.findings for round_ in Round.objects.all()]
    assert ((places / "fetched").read_text().split(), kept(work)) == (["one", "two"], ["one"])


def test_the_setup_of_work_that_the_lander_judged_fills_the_cache_once_it_has_landed(shop: Make, places: Path) -> None:
    work = fetching(shop, places, "echo two >> names && echo yes > ok", verify=HAS_ALL)
    session = work.supervise(work.claim())
    work.others_merge("other", "a tree of its own\n")
    work.land()
    assert (work.merged("ok"), kept(work)) == ("yes\n", ["one"]), session.outcome_message
    work.land()
    assert kept(work) == ["one", "two"]


def test_no_agent_reaches_another_session_or_the_host_by_the_cache(shop: Make, places: Path, tmp_path: Path) -> None:
    """By what it changes there, by links, or by setup that it rewrites."""
    (victim := tmp_path / "victim").mkdir()
    poison = f"echo bad > ~/.npm/a/one; rm -rf ~/.npm/a; ln -s {victim} ~/.npm/a; ln -s {victim} ~/.npm/b; touch ~/.npm/b/x; chmod 0 ~/.npm"
    agent = f"echo '{poison}' > more; {poison}; echo yes > ok"
    work = fetching(shop, places, agent, setup=f"{FETCH}; test ! -f more || sh more", verify=[{"name": "no", "run": "false"}])
    work.supervise(work.claim())
    with caches.held(work.workspace.pk) as newest:
        assert newest is not None
        assert (newest / ".npm/a/one").read_text() == "one\n"
    assert (kept(work), os.listdir(victim)) == (["one"], [])


def test_setup_of_the_branch_may_leave_links_and_removed_files(shop: Make, places: Path, tmp_path: Path) -> None:
    (victim := tmp_path / "victim").mkdir()
    (victim / "private").write_text("secret")
    work = fetching(
        shop,
        places,
        "true",
        setup=f"{FETCH}; ln -sfn {victim} ~/.npm/link; mkfifo ~/.npm/pipe; rm -f ~/.npm/a/old; touch ~/.npm/a/old",
    )
    work.land()
    with caches.held(work.workspace.pk) as newest:
        assert newest is not None
        assert ((newest / ".npm/link").is_symlink(), sorted(os.listdir(newest / ".npm"))) == (True, ["a", "link"])
    Workspace.objects.update(deleted_at=now())
    housekeeping.remove_old_folders()
    assert (caches.of_workspace(work.workspace.pk).exists(), (victim / "private").read_text()) == (False, "secret")
