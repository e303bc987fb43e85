"""Landed entries: done, or continued with newer work."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from django.db.models.functions import Now

from orchestration.backlog import entry_state, newest_work
from orchestration.backlog.rules import ways
from orchestration.backlog.rules.transitions import PENDING, Next
from orchestration.backlog.rules.ways import Done
from orchestration.facts import events
from orchestration.facts.reasons import OUT_OF_LINE
from orchestration.models import Entry, Landing, Round
from workspaces import activity
from workspaces.access import MUSTER


def proofs(repo: Path, landings: Sequence[Landing], tip: str) -> dict[str, Done]:
    """The proofs of landed entries by id. The tip must contain the landings. It runs git: call it before the transaction."""
    proved: dict[str, Done] = {}
    for landing in landings:
        if landing.entry_id and (done := newest_work.proof(landing.entry_id, repo, tip) or of_others(landing, tip)):
            proved[landing.entry_id] = done
    return proved


def of_others(landing: Landing, tip: str) -> Done | None:
    """The proof of work pushed by people in place of all rounds' changes: it lands as the last round's."""
    if landing.round_id is not None or newest_work.of(landing.entry_id or "") is not None:
        return None
    last = Round.objects.filter(entry_id=landing.entry_id).order_by("-number").values_list("number", flat=True).first()
    return ways.landed(tip, round=last) if last is not None else None


def end(landings: Sequence[Landing], *, commit: str, done: Mapping[str, Done]) -> None:
    """End landings. An entry without a proof continues with its newer work. The caller's transaction has locked the executor's row, and then read the landings."""
    Landing.objects.filter(pk__in=[landing.pk for landing in landings]).update(state=Landing.State.LANDED, ended_at=Now())
    for entry in (landing.entry for landing in landings if landing.entry is not None):
        lands = (entry.status == Entry.Status.IN_PROGRESS or entry.reason_code in OUT_OF_LINE) and entry.deleted_at is None
        end_entry(entry, commit, done.get(entry.pk), moves=lands)


def end_entry(entry: Entry, commit: str, done: Done | None, *, moves: bool = True) -> None:
    """End an entry's landing, with its proof or continued with newer work. It is not moved if a person has moved it meanwhile."""
    if moves:
        entry_state.move(entry, Next("done", done=done) if done is not None else PENDING)
    event = events.EntryLanded(commit=commit, entry=entry.pk, seq=entry.seq, title=entry.title)
    activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk)
