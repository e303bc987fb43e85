"""The diff of an entry: between which commits it is, and as a patch with secrets masked."""

from orchestration import configuration
from orchestration.configuration import secrets
from orchestration.models import Entry, Executor, Round
from orchestration.repositories import local_repository, patches
from workspaces.errors import NotFound


def span(entry: Entry, branch: str) -> tuple[str, str, bool]:
    """(base, commit, merged): from the merge base with the integration branch to the newest commit. Once that is in the branch: from where the newest round
    saw the entry's own changes begin, which is its commit where there are none. Empty where no round has a commit."""
    newest = Round.objects.filter(entry=entry).exclude(commit="").order_by("number").last()
    if newest is None:
        return "", "", False
    left = patches.merge_base(str(local_repository.to_show(entry.workspace, newest.commit)), branch, newest.commit)
    is_merged = left in ("", newest.commit)
    return (newest.base_commit if is_merged else left), newest.commit, is_merged


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
