"""An entry takes over another one, which is dropped: its text, its spec, what it waits for, and what waits for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.backlog import content, dependencies, entry_state
from orchestration.models import Dependency, Entry, Proposal
from orchestration.proposals.context import snapshots
from orchestration.proposals.kinds import changes, restoring
from orchestration.proposals.kinds.interface import Backlog
from workspaces.access import Caller
from workspaces.errors import Conflict


def united(text: str, other_text: str, spec: Mapping[str, Any], other_spec: Mapping[str, Any]) -> dict[str, Any]:
    """The text and the spec of both entries together. Where a value of the spec is no list, the first one stays. Pure."""
    merged = dict(other_spec) | dict(spec)
    for key in spec.keys() & other_spec.keys():
        if isinstance(spec[key], list) and isinstance(other_spec[key], list):
            merged[key] = spec[key] + [item for item in other_spec[key] if item not in spec[key]]
    return {"content": f"{text.strip()}\n\n{other_text.strip()}", "spec": merged}


def outdated(proposal: Proposal, backlog: Backlog) -> str:
    stored, other_id = restoring.before(proposal), str(proposal.after["with"])
    mine = snapshots.outdated(stored, backlog.snapshots.get(str(proposal.subject_id)))
    return (
        mine or snapshots.outdated(stored["other"], backlog.snapshots.get(other_id)) or _kept_waiting(proposal, other_id, backlog)
    )


def _kept_waiting(proposal: Proposal, other_id: str, backlog: Backlog) -> str:
    """The reason why an entry that waits for the other one must not wait for this one instead, as a sentence; empty: all may."""
    links = Dependency.objects.filter(depends_on=other_id, entry__deleted_at__isnull=True).exclude(entry=proposal.subject_id)
    now = snapshots.read(backlog.run.session.workspace_id, list(links.values_list("entry_id", flat=True)))
    read = {each.subject_id: restoring.before(each) for each in backlog.run.proposals.filter(subject__in=now)}
    sentences = (
        snapshots.untouchable(row) or (snapshots.changed(read[pk], row) if pk in read else "") for pk, row in now.items()
    )
    return next((f"It would change what another entry waits for: {sentence}" for sentence in sentences if sentence), "")


def apply(proposals: Sequence[Proposal], backlog: Backlog, *, by: Caller) -> None:
    for proposal in proposals:
        entry, other = entry_state.lock_all(
            [Entry(pk=pk, workspace_id=backlog.run.session.workspace_id) for pk in (proposal.subject_id, proposal.after["with"])]
        )
        waiting, needs, other_needs = _waiting(other, entry), _needs(entry), _needs(other)
        kept = needs | other_needs
        wishes = [(row, before - {other.pk} | {entry.pk}) for row, before in waiting]
        dependencies.replace_all([(entry, kept - {entry.pk, other.pk}), *wishes], by=by, reason=proposal.reason)
        changes.write(entry, {key: proposal.after[key] for key in ("content", "spec")}, by=by, reason=proposal.reason)
        deleted = restoring.delete(other, by=by, reason=proposal.reason)
        stored = restoring.before(proposal)
        # What they wait for may differ from what the run read: a merge of the same run, which is undone after this, may have changed it.
        stored["waits_for"] = sorted(needs)
        named = {row.pk: sorted(before) for row, before in waiting}
        stored["other"] = {**stored["other"], "waits_for": sorted(other_needs), "waiting": named, "deleted": deleted}
        proposal.before, proposal.entry = stored, entry


def undo(proposals: Sequence[Proposal], *, by: Caller) -> None:
    notes = [restoring.deleted(restoring.before(proposal)["other"], proposal.title) for proposal in proposals]
    for proposal in reversed(proposals):
        stored, other_id = restoring.before(proposal), str(proposal.after["with"])
        other = stored.pop("other")
        kept = {*stored["waits_for"], *other["waits_for"]} - {str(proposal.subject_id), other_id}
        values = {key: proposal.after[key] for key in ("content", "spec")}
        entry = restoring.as_left(proposal, stored | values | {"depends_on": sorted(kept)})
        restoring.restore(other_id, (), other["deleted"], by=by)
        waiting = _as_left(proposal, other["waiting"], other_id)
        restored = entry_state.lock_all([Entry(pk=other_id, workspace_id=entry.workspace_id)])[0]
        wishes = [(row, needs) for row, needs in waiting] + [(entry, stored["waits_for"])]
        dependencies.replace_all([*wishes, (restored, other["waits_for"])], by=by, reason=restoring.REASON)
        content.edit(entry, content.Change(content=stored["content"], spec=stored["spec"]), by=by, reason=restoring.REASON)
    restoring.reverse_budgets(notes, by=by)


def _needs(entry: Entry) -> set[str]:
    return set(entry.dependencies.values_list("depends_on_id", flat=True))


def _waiting(other: Entry, entry: Entry) -> list[tuple[Entry, set[str]]]:
    """The entries that wait for `other`, except `entry`, each with all that it waits for."""
    links = Dependency.objects.filter(depends_on=other, entry__deleted_at__isnull=True).exclude(entry=entry)
    return [(link.entry, _needs(link.entry)) for link in links.select_related("entry").order_by("entry__seq")]


def _as_left(proposal: Proposal, waiting: Mapping[str, list[str]], other_id: str) -> list[tuple[Entry, list[str]]]:
    """The entries that waited for the dropped one, each with what it waited for. Raises Conflict where that was changed since."""
    rows = Entry.objects.in_bulk(waiting.keys())
    for pk, needs in waiting.items():
        row = rows[pk]
        if row.deleted_at is not None or _needs(row) != {*needs} - {other_id} | {str(proposal.subject_id)}:
            raise Conflict(f"#{row.seq} {row.title} was changed since: what it waits for. Change single entries instead")
    return [(rows[pk], needs) for pk, needs in waiting.items()]
