"""A repository with the commits that the rounds of a seeded entry made."""

from pathlib import Path

from orchestration.models import Entry, Round
from tests.orchestration.git.repositories import a_repository, git, write
from workspaces.models import Workspace

HOSTILE = "x = 1 \u202e# <script>alert(1)</script>\n\x1b[2J</pre><img src=x onerror=alert(1)>\n"


def worked_on(workspace: Workspace, place: Path, seq: int = 1) -> Entry:
    """Entry #1 of `seed.busy` made two rounds: they get commits here."""
    repo = a_repository(place / "repo", app__duration="def parse(text):\n    return int(text)\n")
    commits = [git(repo, "rev-parse", "HEAD")]
    write(repo / "app/duration.py", 'def parse(text: str) -> int:\n    """Minutes too."""\n    return 60 * int(text)\n')
    commits.append(_commit(repo))
    write(repo / "app/duration.py", 'def parse(text: str) -> int:\n    """Hours too."""\n    return 3600 * int(text)\n')
    write(repo / "<b>odd\nname", HOSTILE)
    commits.append(_commit(repo))
    Workspace.objects.filter(pk=workspace.pk).update(repo=str(repo))
    entry = Entry.objects.get(workspace=workspace, seq=seq)
    for number in (1, 2):
        span = {"base_commit": commits[number - 1], "commit": commits[number]}
        assert Round.objects.filter(entry=entry, number=number).update(**span) == 1
    return entry


def _commit(repo: Path) -> str:
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "a round")
    return git(repo, "rev-parse", "HEAD")
