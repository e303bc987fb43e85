"""The commits that rows name and that work goes on from: without one of them, a backup lacks work."""

from collections import defaultdict
from collections.abc import Mapping

from orchestration.models import Entry, Integration, IntegrationCommit, Landing, PullRequest, Round, Worker
from workspaces.models import Workspace


def of(workspace: Workspace) -> Mapping[str, set[str]]:
    """Each commit, with what it is the work of, in words."""
    named: dict[str, set[str]] = defaultdict(set)
    hosts = dict(Worker.objects.values_list("host_id", "host"))
    for commit, seq, host_id, is_shared in _newest_rounds(workspace):
        alone = not is_shared and host_id
        named[commit].add(f"#{seq}" + (f", which only {hosts.get(host_id, host_id)} has" if alone else ""))
    waiting = Landing.objects.filter(workspace=workspace, state__in=Landing.NOT_ENDED)
    for commit, seq in waiting.values_list("commit", "entry__seq"):
        named[commit].add(f"#{seq}" if seq else "a landing")
    pulls = PullRequest.objects.filter(workspace=workspace, state__in=PullRequest.UNDECIDED)
    for commit, seq in pulls.values_list("head", "entry__seq"):
        named[commit].add(f"the pull request of #{seq}")
    for tip in Integration.objects.filter(pk=workspace.pk).values_list("tip", flat=True):
        named[tip].add("the integration branch")
    intended = IntegrationCommit.objects.filter(workspace=workspace, state=IntegrationCommit.State.INTENDED)
    for commit in intended.values_list("new", flat=True):
        named[commit].add("the integration branch")
    named.pop("", None)
    return named


def _newest_rounds(workspace: Workspace) -> list[tuple[str, int, str, bool]]:
    """The newest round with a commit, of each entry that is not done."""
    unfinished = Round.objects.filter(entry__workspace=workspace, entry__deleted_at__isnull=True).exclude(commit="")
    rows = unfinished.exclude(entry__status=Entry.Status.DONE).order_by("entry_id", "number")
    values = rows.values_list("entry_id", "commit", "entry__seq", "entry__host_id", "entry__is_shared")
    return list({row[0]: row[1:] for row in values}.values())
