"""The diff of an entry: between which commits it is, and as a patch with secrets masked."""

from orchestration import configuration
from orchestration.configuration import secrets
from orchestration.models import Entry, Executor, Round
from orchestration.repositories import local_repository, patches
from workspaces.errors import NotFound


def span(entry: Entry, branch: str) -> tuple[str, str, bool]:
    """(base, commit, merged): from the merge base with the integration branch to the newest commit; after the merge, from the base of the first
    round. Empty where no round has a commit."""
    rounds = list(Round.objects.filter(entry=entry).exclude(commit="").order_by("number").values_list("base_commit", "commit"))
    if not rounds:
        return "", "", False
    first, newest = rounds[0][0], rounds[-1][1]
    left = patches.merge_base(str(local_repository.to_show(entry.workspace, newest)), branch, newest)
    return (left, newest, False) if left and left != newest else (first, newest, True)


def patch(entry: Entry) -> bytes:
    """git's own patch. Raises NotFound where there is none to read."""
    config = configuration.load(Executor.objects.get(pk=entry.workspace_id).config)
    base, commit, _ = span(entry, config.integration_branch)
    try:
        text, whole = patches.patch(str(local_repository.to_show(entry.workspace, commit)), base, commit)
    except patches.NotReadable as problem:
        raise NotFound(str(problem)) from None
    text = secrets.mask_for(entry.workspace_id, configuration.envs(config))(text)
    if not whole:
        text += f"\n# Cut here: it is longer than {patches.WHOLE_PATCH_BYTES:,} bytes.\n"
    return text.encode("utf-8", "surrogateescape")
