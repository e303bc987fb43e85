"""Right work that makes no failing test pass by itself: it breaks nothing, and what builds on it may show what it is good for.

It waits beside the queue, pending, with its locks and without money. What depends on it starts from its commit, takes over its locks where it needs
them, and lands together with it once a test turns green (`worker/lander/chains.py`). Where nothing open depends on it, a person decides.
"""

from collections.abc import Collection, Sequence
from typing import Any, Literal

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from orchestration.backlog import entry_state
from orchestration.backlog.rules.transitions import PENDING, Next
from orchestration.facts import events
from orchestration.facts.reasons import WITHOUT_PROOF, Reason
from orchestration.landing import queue
from orchestration.messaging import wake_ups
from orchestration.models import Approval, Dependency, Entry, Executor, Landing, Round
from workspaces import activity
from workspaces.access import MUSTER

MAX_NAMED, MAX_CHAIN = 5, 100
FOR_A_PERSON = "It breaks nothing, and no failing test passes by it: land it, name tests for it, or send it back"
OPEN = Q(status__in=[Entry.Status.PENDING, Entry.Status.IN_PROGRESS], deleted_at__isnull=True, is_container=False)


def is_accepted(entry: Entry, commit: str) -> bool:
    """True if a person has let exactly this commit land."""
    return Approval.objects.filter(entry=entry, commit=commit, void_at__isnull=True).exists()


def wait(entry: Entry, commit: str, round_: Round | None) -> Next:
    """The entry waits beside the queue with this commit, from which what depends on it may start. The caller's transaction holds the
    executor's row."""
    following = reason_for(entry)
    entry_state.move(entry, following)
    queue.enqueue(entry, commit, round_=round_, state=Landing.State.UNPROVEN)
    entry_state.open_to_dependents(entry, commit)
    event = events.EntryUnproven(commit=commit, entry=entry.pk, seq=entry.seq, title=entry.title)
    activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk, reason=following.message)
    return following


def reason_for(entry: Entry) -> Next:
    """It waits for what builds on it as long as something open does, else for a person."""
    above = Entry.objects.filter(OPEN, dependencies__depends_on=entry).order_by("seq").values_list("seq", flat=True)
    if not (numbers := list(above[: MAX_NAMED + 1])):
        return Next("pending", Reason.UNPROVEN, FOR_A_PERSON)
    named = ", ".join(f"#{number}" for number in numbers[:MAX_NAMED]) + (" and others" if len(numbers) > MAX_NAMED else "")
    return Next(
        "pending", Reason.WAITING_FOR_PROOF, f"It breaks nothing, and lands together with {named} once a failing test passes"
    )


def settle(workspace_id: str) -> bool:
    """Follow what became of the entries around unproven ones: dependents that came, ended or were deleted, and work below that is there no
    longer. Returns whether an entry went back to the line."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        waiting = Entry.objects.select_related("account").filter(
            workspace_id=workspace_id, status=Entry.Status.PENDING, reason_code__in=WITHOUT_PROOF, deleted_at__isnull=True
        )
        changed = [_follow(entry) for entry in waiting.order_by("seq")]
    if any(changed):
        wake_ups.publish_change(workspace_id, "entries", "landing")
    return "back" in changed


def _follow(entry: Entry) -> Literal["", "back", "reason"]:
    """Change the entry where its landing or its reason has changed, and return which."""
    if not Landing.objects.filter(entry=entry, state=Landing.State.UNPROVEN).exists():
        return ""  # it lands now
    if below(entry.pk) is None:
        go_back(entry)
        return "back"
    following = reason_for(entry)
    if (entry.reason_code, entry.reason_message) == (following.code, following.message):
        return ""
    fields: dict[str, Any] = {"reason_code": following.code, "reason_message": following.message}
    if entry.reason_code != following.code:
        fields["reason_at"] = Now()
    Entry.objects.filter(pk=entry.pk).update(**fields)
    return "reason"


def below(entry_id: str) -> list[Landing] | None:
    """The work that was unproven when the entry's began from it and that has not landed, the lowest first. None: some of it waits no longer, so
    what contains it may not land."""
    chain: list[Landing] = []
    return chain if _gather(entry_id, chain, {entry_id}) else None


def _gather(entry_id: str, chain: list[Landing], seen: set[str]) -> bool:
    edges = Dependency.objects.filter(entry=entry_id, is_stacked=True).exclude(depends_on__status=Entry.Status.DONE)
    for other_id in edges.order_by("depends_on__seq").values_list("depends_on_id", flat=True):
        if other_id in seen or len(seen) > MAX_CHAIN:
            continue
        seen.add(other_id)
        related = ("entry__workspace", "entry__account", "round__session")
        newest = Landing.objects.filter(entry=other_id).select_related(*related).order_by("-pk").first()
        if newest is None or newest.state == Landing.State.PROPOSED or not _was_unproven(other_id):
            continue  # its pull request says what becomes of what contains it
        if newest.state not in (*Landing.OPEN, Landing.State.UNPROVEN) or not _gather(other_id, chain, seen):
            return False
        chain.append(newest)
    return True


def _was_unproven(entry_id: str) -> bool:
    return Round.objects.filter(entry=entry_id, is_unproven=True).exists()


def go_back(entry: Entry) -> None:
    """Its work contains work that waits no longer: it is verified again on what takes that place, without an agent. The round is one more than
    it has. The caller's transaction holds the executor's row."""
    queue.withdraw([entry], "it contains work that waits no longer")
    Entry.objects.filter(pk=entry.pk).update(budget_rounds=F("budget_rounds") + 1, next_work=Entry.Work.VERIFY)
    entry.refresh_from_db(fields=["budget_rounds", "next_work"])
    entry_state.move(entry, PENDING)


def passing_on(entry_ids: Collection[str], holders: Collection[str]) -> dict[str, frozenset[str]]:
    """For each of these entries the holders of locks that it may take over: unproven work that its own contains, and pending entries that wait
    for it."""
    idle = dict(Entry.objects.filter(pk__in=holders, status=Entry.Status.PENDING).values_list("pk", "reason_code"))
    if not idle:
        return {}
    needs = _needs({*entry_ids, *idle})
    gives: dict[str, frozenset[str]] = {}
    for entry_id in entry_ids:
        contained = {other for other in _reach(entry_id, needs) if idle.get(other) in WITHOUT_PROOF}
        waiting = {other for other in idle if other != entry_id and entry_id in _reach(other, needs)}
        if contained or waiting:
            gives[entry_id] = frozenset(contained | waiting)
    return gives


def _needs(ids: set[str]) -> dict[str, set[str]]:
    """The unfinished entries that each of these waits for directly; the same for each of those in turn, up to MAX_CHAIN steps."""
    needs: dict[str, set[str]] = {}
    frontier = ids
    for _ in range(MAX_CHAIN):
        edges = Dependency.objects.filter(entry_id__in=frontier).exclude(depends_on__status=Entry.Status.DONE)
        frontier = set()
        for entry_id, other in edges.values_list("entry_id", "depends_on_id"):
            needs.setdefault(entry_id, set()).add(other)
            frontier.add(other)
        frontier -= needs.keys()
        if not frontier:
            break
    return needs


def _reach(entry_id: str, needs: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting: Sequence[str] = [entry_id]
    while waiting:
        waiting = [other for each in waiting for other in needs.get(each, ()) if other not in reached]
        reached.update(waiting)
    return reached
