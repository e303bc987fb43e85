"""One lease of a lander: it chooses batches (`landing.batch`) and lands them, until nothing is due."""

from collections.abc import Sequence

import structlog

from orchestration import configuration
from orchestration.approval import gate, waiting
from orchestration.backlog import unproven
from orchestration.configuration import Approve
from orchestration.git.clones import checkouts, working_copies
from orchestration.git.command import GitError
from orchestration.landing import branch, candidates, queue
from orchestration.landing.candidates import Chain
from orchestration.models import Entry, Integration, IntegrationCommit, Landing
from orchestration.sessions.folders import session_dir
from orchestration.worker.judging.checks import CannotJudge
from orchestration.worker.lander import (
    base_branch,
    chains,
    judging,
    pull_requests,
    pushing,
    refs,
    refusals,
    swap,
    tip_watch,
)
from orchestration.worker.lander.lease import Halted, Lease
from orchestration.worker.lander.refusals import Refusal
from orchestration.worker.preparing import candidate_places

log = structlog.get_logger(__name__)

Kind = IntegrationCommit.Kind
_KINDS = {Landing.Kind.ENTRY: Kind.ENTRIES, Landing.Kind.BASE: Kind.BASE, Landing.Kind.REVERT: Kind.REVERT}


def work(lease: Lease) -> None:
    """Do all due work, or one batch if other workspaces wait for a lander. Raises Fenced, Halted, or GitError."""
    for left in working_copies.names_in(lease.bench.copies, judging.checkout_name(lease, "*")):  # of killed or fenced landers
        checkouts.discard(lease.bench.repo, lease.bench.copies / left)
    refs.fetch(lease)
    swap.recover(lease)
    names = working_copies.names_in(lease.bench.copies, "entry_*")
    _remove_worktrees(lease, [name.partition("-")[0] for name in names])  # of killed landers
    try:
        while _step(lease) and _is_more(lease):
            if branch.others_wait(lease.workspace_id):
                lease.write(due=True)
                return
            lease.look()
        pull_requests.settle(lease)  # again: the base branch may have moved
        _push_on_request(lease)
    except (Halted, CannotJudge):
        _requeue(lease)
        raise


def _is_more(lease: Lease) -> bool:
    to_try = queue.to_try(lease.workspace_id, lease.row.tip)
    return queue.is_waiting(lease.workspace_id) or (lease.has_waiting and to_try.exists())


def _step(lease: Lease) -> bool:
    """Land one batch. Returns True if more may be due."""
    refs.fetch(lease)
    may_land = tip_watch.examine(lease)
    if may_land:
        base_branch.follow(lease)
        pull_requests.settle(lease)
    if lease.row.state == Integration.State.WAITING:
        return False  # a revert would adopt a rewritten branch before a person decides
    queued = list(queue.to_land(lease.workspace_id)[: lease.bench.config.landing.batch + 1])
    if not may_land:
        queued = [landing for landing in queued if landing.kind == Landing.Kind.REVERT][:1]
    elif not queued and lease.has_waiting:
        queued = list(queue.to_try(lease.workspace_id, lease.row.tip)[:1])
    if not queued:
        return False
    queued = refs.present(lease, queued)
    if not queued:
        return True  # the landings behind them may be here
    row = lease.row
    tip = row.tip if may_land else row.foreign_tip or row.tip
    structlog.contextvars.bind_contextvars(entry=queued[0].entry_id or "")
    under = chains.under(lease, queued[0])
    if under is None:
        return True
    if under or queued[0].state == Landing.State.UNPROVEN:
        refusal = _land_chain(lease, _chain(lease, [*under, queued[0]], tip))
    else:
        refusal = _land_queued(lease, queued, tip)
    if refusal is not None:
        refusals.end(lease, refusal)
    return True


def _chain(lease: Lease, batch: Sequence[Landing], tip: str) -> Chain:
    """The merges of a batch, compared with the last good tip. Work already in the tip has landed, and ends."""
    bench = lease.bench
    moves_forward = bench.config.land_by == "pull_request"
    chain = candidates.build(bench.repo, tip, batch, base_name=bench.base_branch, good=lease.row.tip, moves_forward=moves_forward)
    if chain.contained:
        swap.end_contained(lease, chain.contained, tip)
    return chain


def _land_queued(lease: Lease, queued: Sequence[Landing], tip: str) -> Refusal | None:
    proposes = pull_requests.is_for(lease.bench.config, queued[0])
    batch, why = _batch(lease, queued, tip, proposes=proposes)
    chain = _chain(lease, batch, tip)
    if chain.refused is not None:
        return Refusal(chain.refused[0], merge=chain.refused[1])
    if not chain.steps:
        return None
    return _try(lease, chain, why) if why or proposes else _land(lease, chain)


def _batch(lease: Lease, queued: Sequence[Landing], tip: str, *, proposes: bool) -> tuple[list[Landing], str]:
    """The head of the queue and its companions, without awaited entries, which land alone, and without unapproved ones. Also the reason for approving the head,
    or ""."""
    head, rules = queued[0], _approval_rules(lease)
    if head.state == Landing.State.PROPOSED:
        return [head], ""  # approved before the proposal
    is_alone = proposes or len(queued) == 1 or head.entry is None or _is_awaited(head.entry)
    limit = 1 if is_alone else queue.batch_limit(lease.workspace_id, lease.bench.config.landing.batch)
    batch: list[Landing] = []
    for landing in queued[:limit]:
        if batch and (landing.entry is None or _is_awaited(landing.entry) or unproven.below(landing.entry.pk) != []):
            break
        if why := gate.missing(rules, landing, lease.bench.repo, tip):
            return (batch, "") if batch else ([head], why)
        batch.append(landing)
    return batch, ""


def _approval_rules(lease: Lease) -> Approve:
    """The rules at the lease's last look, before each batch: a person who has just required approvals relies on them."""
    return configuration.load(lease.row.workspace.executor.config).approve


def _is_awaited(entry: Entry) -> bool:
    """True if other entries wait for the entry or its files."""
    return entry.dependents.exists() or entry.waiters.exists()


def _try(lease: Lease, chain: Chain, why: str) -> Refusal | None:
    """Judge a merge before its approval or pull request, and land nothing. Red work goes back before a person is asked."""
    [step] = chain.steps
    judged = _judge(lease, chain, 1)
    if not judged.passed:
        return Refusal(step.landing, judged.findings)
    if why:
        _keep_waiting(lease, chain, why, judged)
    else:
        pull_requests.propose(lease, chain, judged)
    return None


def _keep_waiting(lease: Lease, chain: Chain, why: str, judged: judging.Judged) -> None:
    """Ask a person about the last of the chain."""
    step = chain.steps[-1]
    with lease.deciding():
        waiting.keep(step.landing, why, tip=chain.tip, commit=step.commit, verdict=judged.verdict)


def _land(lease: Lease, chain: Chain) -> Refusal | None:
    """Judge the whole chain. If it is red, land its longest green prefix, and refuse the first red merge."""
    count = len(chain.steps)
    judged = _judge(lease, chain, count)
    refused: Landing | None = None
    findings = judged.findings
    if not judged.passed and count == 1:
        return Refusal(chain.steps[0].landing, findings)
    if not judged.passed:
        low, high = 0, count
        while high - low > 1:
            middle = (low + high) // 2
            attempt = _judge(lease, chain, middle)
            if attempt.passed:
                low, judged = middle, attempt
            else:
                high, findings = middle, attempt.findings
        count, refused = low, chain.steps[high - 1].landing
    if count and not _swap(lease, chain, count, judged):
        return None  # one was withdrawn meanwhile: the verdicts are obsolete
    return Refusal(refused, findings, [step.landing for step in chain.steps[:count]]) if refused is not None else None


def _land_chain(lease: Lease, chain: Chain) -> Refusal | None:
    """Land unproven work atomically with its proof, the last of the chain. Each tree is judged. Still unproven work waits on; a red tree goes back to its entry."""
    if conflict := chain.refused or chain.left_out:
        return Refusal(conflict[0], merge=conflict[1])
    return _land_all(lease, chain) if chain.steps else None


def _land_all(lease: Lease, chain: Chain) -> Refusal | None:
    landings, count = [step.landing for step in chain.steps], len(chain.steps)
    head, others = landings[-1], landings[:-1]
    judged = _judge(lease, chain, count)
    was_unproven = head.state == Landing.State.UNPROVEN
    if not judged.passed:
        return Refusal(head, judged.findings, others)
    if judged.is_unproven:
        chains.note(lease, head, tip=chain.tip, commit=chain.steps[-1].commit, verdict=judged.verdict)
    elif not was_unproven and (is_wrong := _wrong_below(lease, chain)):
        return is_wrong
    elif was_unproven or (others and pull_requests.is_for(lease.bench.config, head)):
        chains.prove(lease, head if was_unproven else landings[0])  # one pull request each, the lowest first
    elif why := gate.missing(_approval_rules(lease), head, lease.bench.repo, chain.tip, under=others):
        _keep_waiting(lease, chain, why, judged)
    else:
        _swap(lease, chain, count, judged)
    return None


def _wrong_below(lease: Lease, chain: Chain) -> Refusal | None:
    """The first red merge below the last. Later merges may hide it."""
    for n in range(1, len(chain.steps)):
        judged = _judge(lease, chain, n, needs_gain=False)
        if not judged.passed:
            return Refusal(chain.steps[n - 1].landing, judged.findings)
    return None


def _judge(lease: Lease, chain: Chain, count: int, *, needs_gain: bool = True) -> judging.Judged:
    """Judge the tree of the first `count` merges. Checks unable to run on the tip stop the workspace."""
    last, landings = chain.steps[count - 1], [step.landing for step in chain.steps[:count]]
    named = ", ".join(f"#{landing.entry.seq}" if landing.entry else lease.bench.base_branch for landing in landings)
    return judging.judge(lease, chain.good, last, landings, named=named, needs_gain=needs_gain)


def _swap(lease: Lease, chain: Chain, count: int, judged: judging.Judged) -> bool:
    """Land the first `count` merges. False: one was withdrawn meanwhile, and nothing moved."""
    steps = chain.steps[:count]
    new = candidates.commit_of(lease.bench.repo, chain, count)
    subject = steps[0].message.split("\n")[0]
    if count > 1:
        subject = "Land " + ", ".join(f"#{step.landing.entry.seq}" for step in steps if step.landing.entry is not None)
    intent = IntegrationCommit(
        workspace_id=lease.workspace_id,
        kind=_KINDS[Landing.Kind(steps[0].landing.kind)],
        old=chain.good,
        new=new,
        tree=steps[-1].tree,
        subject=subject[:300],
        verdict=judged.verdict,
        reused=judged.reused,
        fence=lease.fence,
    )
    landed = swap.land(lease, intent, [step.landing for step in steps])
    if landed:
        _remove_worktrees(lease, [step.landing.entry_id for step in steps if step.landing.entry_id is not None])
        refs.tidy(lease)
    return landed


def _remove_worktrees(lease: Lease, entry_ids: Sequence[str]) -> None:
    """Remove the working copies of landed entries, if still done. A failure does not undo the landing."""
    if not entry_ids:
        return
    landed = Landing.objects.filter(workspace_id=lease.workspace_id, entry__in=entry_ids, state=Landing.State.LANDED)
    for entry in Entry.objects.filter(pk__in=landed.values("entry"), status=Entry.Status.DONE).select_related("workspace"):
        try:
            session_dir.working_copy(entry).discard()
            candidate_places.tidy(entry)
        except GitError as problem:
            log.warning("worktree.not_removed", entry=entry.pk, error=str(problem)[-200:])


def _push_on_request(lease: Lease) -> None:
    row = lease.row
    if row.push_wanted:
        pushing.push(lease.bench, row.tip, is_asked=True)
        lease.write(push_wanted=False)  # afterwards: a killed lander leaves the request


def _requeue(lease: Lease) -> None:
    Landing.objects.filter(workspace_id=lease.workspace_id, state=Landing.State.CHECKING, intent__isnull=True).update(
        state=Landing.State.QUEUED
    )
