"""May this work land without a person? The one place that asks the policy."""

from collections.abc import Sequence
from pathlib import Path

from orchestration.approval import policy
from orchestration.approval.policy import Facts
from orchestration.configuration import Approve
from orchestration.git import changes
from orchestration.git import command as git
from orchestration.models import Approval, Entry, Landing


def missing(rules: Approve, landing: Landing, repo: Path, tip: str, *, under: Sequence[Landing] = ()) -> str:
    """The reason why a person must approve this landing first, as a sentence; empty: it may land. An approval of the same commit, given
    before its landing was withdrawn, still counts. `under`: work that its commit contains and that lands with it, so that its approval is
    theirs. Raises GitError."""
    if landing.entry is None or landing.approval_id is not None:
        return ""
    works = [(each.entry, each.commit) for each in (landing, *under) if each.entry is not None]
    sentences = (_why(rules, entry, repo, tip, commit) for entry, commit in works)
    sentence = landing.approval_needed or next(filter(None, sentences), "")
    if not sentence:
        return ""
    approved = Approval.objects.filter(entry_id=landing.entry_id, commit=landing.commit, void_at__isnull=True).first()
    if approved is None:
        return sentence
    Landing.objects.filter(pk=landing.pk).update(approval=approved, approval_needed=sentence)
    landing.approval, landing.approval_needed = approved, sentence
    return ""


def _why(rules: Approve, entry: Entry, repo: Path, tip: str, commit: str) -> str:
    if rules.mode != "when":
        return policy.why(rules, Facts())
    base = git.run(repo, "merge-base", tip, commit).strip()
    stat = changes.diffstat(repo, base, commit)
    return policy.why(
        rules,
        Facts(
            paths=changes.changed_files(repo, base, commit),
            lines=stat["insertions"] + stat["deletions"],
            cost=entry.account.spent,
            labels=(entry.type, *entry.requires),
        ),
    )
