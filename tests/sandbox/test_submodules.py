"""A repository with submodules: each is there before setup, a repository of its own, in every round and for what judges."""

from collections.abc import Callable
from pathlib import Path

from orchestration.models import LogChunk
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.worker.sessions.shop import Shop, entry_of

FROM_DISK = ("-c", "protocol.file.allow=always")
LOOK = "git -C lib log --format=%s > seen && git status --porcelain lib > status && cat lib/inner/deep lib/README"


def with_submodules(work: Shop, folder: Path) -> None:
    """`lib`, which has `inner`: initialised in the user's repository, as a clone with all submodules has them."""
    inner, library = a_repository(folder / "inner", deep="2\n"), a_repository(folder / "library", README="1\n")
    for repo, source, name in ((library, inner, "inner"), (work.repo, library, "lib")):
        git(repo, *FROM_DISK, "submodule", "add", "-q", str(source), name)
        git(repo, "commit", "-qm", "with another repository")
    git(work.repo, *FROM_DISK, "submodule", "update", "--init", "--recursive", "--quiet")
    git(work.repo, "branch", "-f", "muster/integration", "main")


def log_of(session_id: str) -> str:
    return str(list(LogChunk.objects.filter(session_id=session_id).values_list("lines", flat=True)))


def test_submodules_are_repositories_in_every_round_and_for_what_judges(shop: Callable[..., Shop], tmp_path: Path) -> None:
    work = shop(
        f"{LOOK} && if test $MUSTER_ROUND = 2; then echo yes > ok; fi",
        setup=["test -f lib/README"],
        verify=[{"name": "ok", "run": "test -f ok && test -f lib/inner/deep && git -C lib rev-parse HEAD"}],
    )
    with_submodules(work, tmp_path)
    first = work.run()
    second = work.run(entry_of(first))
    assert (first.outcome, second.outcome) == ("failed", "passed"), (first.outcome_message, second.outcome_message)
    assert work.merged("seen") == "with another repository\nstart\n" and work.merged("status") == ""


def test_a_submodule_that_cannot_be_had_is_named_in_the_log(shop: Callable[..., Shop], tmp_path: Path) -> None:
    work = shop("ls lib > ok")
    with_submodules(work, tmp_path)
    git(work.repo, "submodule", "deinit", "-q", "-f", "lib")
    for part in (work.repo / ".git/modules").iterdir():
        part.rename(tmp_path / f"gone-{part.name}")
    session = work.run()
    assert session.outcome == "passed" and work.merged("ok") == ""
    assert "The submodule lib could not be fetched: it is not initialised in the repository" in log_of(session.pk)
