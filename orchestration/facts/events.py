"""Events of the activity log about entries, sessions, the executor and workspaces. Amounts in USD, as JSON numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from budget.events import BudgetEvent, amount
from workspaces.activity.events import ActivityEvent, Report, ReportLink, counted, optional


class ExecutorEvent(ActivityEvent):
    """`before` and `after`: the executor's states."""

    before: str
    after: str


class ExecutorStarted(ExecutorEvent, verb="executor.start", sentence="started the executor"):
    pass


class ExecutorPaused(ExecutorEvent, verb="executor.pause", sentence="paused the executor"):
    pass


class ExecutorResumed(ExecutorEvent, verb="executor.resume", sentence="resumed the executor"):
    pass


class ExecutorStoppedAll(ExecutorEvent, verb="executor.stop_all", sentence="stopped everything"):
    pass


class DispatchForced(ActivityEvent, verb="executor.force_dispatch", sentence="requested a dispatch cycle"):
    pass


class WorkspaceRestored(
    ActivityEvent,
    verb="workspace.restored",
    sentence="restored this workspace from the backup of {at}, with its executor stopped",
):
    """`at`: when the backup was made."""

    at: str


class HostForgotten(ActivityEvent, verb="host.forgotten", sentence="gave up the host {name}, which does not come back"):
    """`lost`: the numbers of the entries whose newest work was there alone."""

    name: str
    lost: Sequence[int] = optional(default=())


class SessionEvent(ActivityEvent, page="session"):
    """`entry`: its id."""

    entry: str


class SessionStarted(SessionEvent, verb="session.started", sentence="started a session on {subject}"):
    pass


class SessionStopRequested(SessionEvent, verb="session.stop", sentence="requested a stop of the session on {subject}"):
    pass


class SessionKillRequested(SessionEvent, verb="session.kill", sentence="requested to kill the session on {subject}"):
    pass


class HoldAfterRequested(SessionEvent, verb="session.hold_after", sentence="requested to hold {subject} after its round"):
    pass


class HoldAfterWithdrawn(
    SessionEvent, verb="session.hold_after_undone", sentence="withdrew the request to hold {subject} after its round"
):
    pass


class SessionReapRequested(SessionEvent, verb="session.reap", sentence="requested to end the lost session on {subject}"):
    pass


class SpendDoubted(
    SessionEvent,
    verb="session.doubted",
    sentence="asks whether the session on {subject} spent {booked} where {reserved} was reserved",
    notice="A session reports far more than it had reserved",
):
    booked_usd: float
    reserved_usd: float

    def words(self) -> dict[str, str]:
        return super().words() | {"booked": amount(self.booked_usd), "reserved": amount(self.reserved_usd)}


class SpendConfirmed(SessionEvent, verb="session.spend_true", sentence="says that the spend of the session on {subject} is true"):
    amount_usd: float


class SpendDenied(
    SessionEvent, verb="session.spend_false", sentence="says that the spend of the session on {subject} is not true: {amount}"
):
    amount_usd: float

    def words(self) -> dict[str, str]:
        return super().words() | {"amount": amount(self.amount_usd)}


class SessionAnomaly(
    SessionEvent,
    verb="session.anomaly",
    sentence="found unusual spend in the session on {subject}: {rate} a minute",
    notice="A session spends far more than usual",
):
    """`rate` and `usual`: USD a minute."""

    rate: float
    usual: float

    def words(self) -> dict[str, str]:
        return super().words() | {"rate": amount(self.rate), "usual": amount(self.usual)}


class SessionEnded(SessionEvent):
    """One subclass per outcome. `entry_status` and `code`: where the entry went, and the reason."""

    round: int
    entry_status: str
    code: str


class SessionPassed(SessionEnded, verb="session.passed", sentence="verified the work on {subject}", symbol="done"):
    pass


class SessionFailed(
    SessionEnded, verb="session.failed", sentence="ended a round of {subject}: verification failed", symbol="failed"
):
    pass


class SessionConflict(SessionEnded, verb="session.conflict", sentence="could not merge {subject}"):
    pass


class SessionCrashed(
    SessionEnded, verb="session.crashed", sentence="ended the session on {subject}: its agent crashed", symbol="failed"
):
    pass


class SessionTimedOut(
    SessionEnded, verb="session.timed_out", sentence="ended the session on {subject}: timed out", symbol="failed"
):
    pass


class SessionOutOfMoney(
    SessionEnded, verb="session.out_of_money", sentence="ended the session on {subject}: its money is used up"
):
    pass


class SessionStopped(SessionEnded, verb="session.stopped", sentence="stopped the session on {subject}"):
    pass


class SessionInterrupted(SessionEnded, verb="session.interrupted", sentence="interrupted the session on {subject}"):
    pass


class SessionLost(SessionEnded, verb="session.lost", sentence="ended the session on {subject}: worker lost", symbol="unknown"):
    pass


class SessionUnavailable(
    SessionEnded, verb="session.unavailable", sentence="ended the session on {subject}: provider unavailable"
):
    pass


class SessionAsked(SessionEnded, verb="session.asked", sentence="ended the session on {subject}: its agent asked a question"):
    pass


class SessionDoomed(
    SessionEnded,
    verb="session.doomed",
    sentence="ended the session on {subject} early: its agent made no progress",
    symbol="failed",
):
    pass


class SessionNotChosen(
    SessionEnded, verb="session.not_chosen", sentence="ended a candidate for {subject}: another one passed first"
):
    pass


class SessionWithoutChange(
    SessionEnded, verb="session.no_change", sentence="ended the session on {subject}: its agent changed nothing"
):
    pass


SESSION_ENDED: dict[str, type[SessionEnded]] = {
    event.verb.removeprefix("session."): event
    for event in (
        SessionPassed,
        SessionFailed,
        SessionWithoutChange,
        SessionDoomed,
        SessionNotChosen,
        SessionConflict,
        SessionCrashed,
        SessionTimedOut,
        SessionOutOfMoney,
        SessionStopped,
        SessionInterrupted,
        SessionLost,
        SessionUnavailable,
        SessionAsked,
    )
}
"""By the session's outcome."""


ASKED_TO = {"plan": "plan", "expand": "split an entry", "orchestrate": "rearrange the backlog"}
"""What the agent of a run is asked to do, by its role."""


class RunRequested(
    ActivityEvent,
    verb="run.requested",
    sentence="asked an agent to {role}{goal}",
    notice="An agent is asked for proposals",
    page="run",
):
    """`goal`: its first line. `trigger`: what started it, as in the API."""

    role: str
    goal: str
    trigger: str = optional(default="person")

    def words(self) -> dict[str, str]:
        return {"role": ASKED_TO.get(self.role, self.role), "goal": f": {self.goal}" if self.goal else ""}


class RunRefused(ActivityEvent, verb="run.refused", sentence="did not ask an agent to {role}"):
    """An event of the backlog would have started it. The reason says what refused it."""

    role: str
    trigger: str

    def words(self) -> dict[str, str]:
        return {"role": ASKED_TO.get(self.role, self.role)}


class RunStopRequested(ActivityEvent, verb="run.stop", sentence="requested a stop of an agent's run"):
    pass


class RunEnded(
    ActivityEvent,
    verb="run.ended",
    sentence="ended the run of an agent that was asked to {role}: {outcome}",
    notice="An agent's proposals are ready, or its run failed",
    page="run",
):
    """`outcome`: as of a session."""

    role: str
    outcome: str

    def words(self) -> dict[str, str]:
        return {"role": ASKED_TO.get(self.role, self.role), "outcome": self.outcome.replace("_", " ")}


class ProposalsApplied(
    ActivityEvent,
    verb="proposals.applied",
    sentence="applied {applied} of a run{outdated}",
    notice="Proposals of an agent were applied",
    page="run",
):
    """`outdated`: proposals that the backlog had outrun."""

    applied: int
    outdated: int

    def words(self) -> dict[str, str]:
        outdated = f"; {self.outdated} outdated" if self.outdated else ""
        return {"applied": counted(self.applied, "proposal", "proposals"), "outdated": outdated}


class ProposalsRejected(ActivityEvent, verb="proposals.rejected", sentence="rejected {rejected} of a run"):
    rejected: int

    def words(self) -> dict[str, str]:
        return {"rejected": counted(self.rejected, "proposal", "proposals")}


class ProposalsReopened(ActivityEvent, verb="proposals.reopened", sentence="reopened {reopened} of a run"):
    reopened: int

    def words(self) -> dict[str, str]:
        return {"reopened": counted(self.reopened, "proposal", "proposals")}


class ProposalsUndone(ActivityEvent, verb="proposals.undone", sentence="undid {undone} of a run{restored}"):
    """`restored`: what is as before, entry by entry."""

    undone: int
    restored: str = ""

    def words(self) -> dict[str, str]:
        restored = f": {self.restored}" if self.restored else ""
        return {"undone": counted(self.undone, "proposal", "proposals"), "restored": restored}


class AgentEvent(ActivityEvent):
    """`code`: the failure that opened the circuit breaker."""

    code: str


class ProviderEvent(AgentEvent):
    """`credential` and `family`: whose agents (`configuration.model_access`); without a credential: all of the workspace's."""

    credential: str = optional(default="")
    family: str = optional(default="")

    def words(self) -> dict[str, str]:
        family = f" and {self.family} models" if self.family else ""
        return super().words() | {"agents": f"the agents with {self.credential}{family}" if self.credential else "all agents"}


class AgentUnavailable(
    ProviderEvent, verb="agent.unavailable", sentence="paused {agents}: the provider or the setup is unavailable ({code})"
):
    pass


class AgentAvailable(ProviderEvent, verb="agent.available", sentence="resumed {agents}: they can work again"):
    pass


class AgentRetried(ProviderEvent, verb="agent.retry", sentence="requested a retry of {agents}"):
    pass


class WindowReached(
    ActivityEvent,
    verb="agent.window_reached",
    sentence="paused the agents with {credential}: {amount} of its {window} is used",
    notice="A subscription's window is used up to its stop",
):
    """`window`: such as "5-hour window"; `used`: percent, of a month USD."""

    credential: str
    window: str
    used: int

    def words(self) -> dict[str, str]:
        return super().words() | {"amount": f"${self.used}" if self.window == "month" else f"{self.used} %"}


class RepositoryUnavailable(
    AgentEvent, verb="repository.unavailable", sentence="paused all work: the repository cannot be used ({code})"
):
    pass


class RepositoryAvailable(AgentEvent, verb="repository.available", sentence="resumed the work: the repository is back"):
    pass


class SecretEvent(ActivityEvent):
    name: str


class SecretSet(SecretEvent, verb="secret.set", sentence="set the secret {name}"):
    pass


class SecretReplaced(SecretEvent, verb="secret.replaced", sentence="replaced the secret {name}"):
    pass


class SecretRemoved(SecretEvent, verb="secret.removed", sentence="removed the secret {name}"):
    pass


class CredentialEvent(ActivityEvent):
    name: str


class CredentialChange(CredentialEvent):
    """`keys`: what was given, by name only."""

    keys: Sequence[str]

    def words(self) -> dict[str, str]:
        return super().words() | {"keys": ", ".join(map(str, self.keys)) or "its name alone"}


class CredentialSet(CredentialChange, verb="credential.set", sentence="added the credential {name}: {keys}"):
    pass


class CredentialReplaced(CredentialChange, verb="credential.replaced", sentence="changed the credential {name}: {keys}"):
    pass


class CredentialRemoved(CredentialEvent, verb="credential.removed", sentence="removed the credential {name}"):
    pass


class IntegrationPushed(ActivityEvent, verb="integration.pushed", sentence="pushed the integration branch again"):
    pass


class IntegrationPushFailed(ActivityEvent, verb="integration.push_failed", sentence="could not push the integration branch"):
    pass


class IntegrationMoved(ActivityEvent, verb="integration.moved", sentence="moved the integration branch: {subject_line}"):
    """A merge of the base branch, or a revert. `commit`: the new tip."""

    subject: str
    commit: str

    def words(self) -> dict[str, str]:
        return {"subject_line": self.subject}


class TipAdopted(ActivityEvent, verb="integration.adopted", sentence="adopted {count} that somebody else wrote"):
    """`count`: in words. `commit`: the new tip."""

    count: str
    commit: str


class IntegrationStopped(
    ActivityEvent,
    verb="integration.stopped",
    sentence="stopped dispatch: the integration branch is {state}",
    notice="The integration branch is red",
    symbol="failed",
):
    """`state`: red, waiting or unusable. `commit`: the tip that nothing starts from."""

    state: str
    commit: str


class IntegrationGood(ActivityEvent, verb="integration.good", sentence="resumed dispatch: the integration branch is good"):
    pass


class BaseRefused(ActivityEvent, verb="integration.base_refused", sentence="could not merge the base branch"):
    commit: str


class TipAccepted(ActivityEvent, verb="integration.accepted", sentence="accepted {commit} as the integration branch's tip"):
    commit: str

    def words(self) -> dict[str, str]:
        return {"commit": self.commit[:12]}


class TipPutBack(ActivityEvent, verb="integration.put_back", sentence="put the integration branch back to {commit}"):
    """`kept`: the ref of the commits that left the branch."""

    commit: str
    kept: str

    def words(self) -> dict[str, str]:
        return {"commit": self.commit[:12], "kept": self.kept}


class TipCheckRequested(
    ActivityEvent, verb="integration.check", sentence="requested to run the checks on the integration branch again"
):
    pass


class RevertRequested(ActivityEvent, verb="integration.revert", sentence="requested to revert {commit}"):
    commit: str

    def words(self) -> dict[str, str]:
        return {"commit": self.commit[:12]}


class PushRequested(ActivityEvent, verb="integration.push", sentence="requested a push of the integration branch"):
    pass


class MergedIntoBase(ActivityEvent, verb="integration.merged", sentence="merged the integration branch into {branch}"):
    branch: str
    commit: str


class EntriesAdded(ActivityEvent, verb="entries.added", sentence="added {count}"):
    """`entries`: the first 50 ids. `without_money`: how many of them nothing is left for."""

    count: int
    entries: Sequence[str]
    without_money: int = optional(default=0)

    def words(self) -> dict[str, str]:
        return super().words() | {"count": counted(self.count, "entry", "entries")}


class PlanImported(
    ActivityEvent, verb="plan.imported", sentence="imported {plan}: {added} added, {changed} changed, {kept} kept"
):
    """`kept`: entries whose values differ from the plan, because a person edited them or because they are at work or done."""

    plan: str
    added: int
    changed: int
    kept: int

    def words(self) -> dict[str, str]:
        return super().words() | {"plan": f"the plan {self.plan}" if self.plan else "a plan"}


class TriggerEvent(ActivityEvent):
    name: str


class TriggerCreated(TriggerEvent, verb="trigger.created", sentence="added the trigger {name}"):
    pass


class TriggerChanged(TriggerEvent, verb="trigger.changed", sentence="changed the trigger {name}: {fields}"):
    """`fields`: the names of the changed values."""

    fields: Sequence[str]

    def words(self) -> dict[str, str]:
        return super().words() | {"fields": ", ".join(name.removeprefix("is_").replace("_", " ") for name in self.fields)}


class TriggerDeleted(TriggerEvent, verb="trigger.deleted", sentence="deleted the trigger {name}"):
    pass


class TriggerFired(TriggerEvent, verb="trigger.fired", sentence="added {subject} by the trigger {name}"):
    """`entry`: its id."""

    entry: str


class TriggerSkipped(TriggerEvent, verb="trigger.skipped", sentence="skipped a firing of the trigger {name}"):
    """`code`: why it added no entry: disabled, overlap, month_budget, downtime, invalid, open, stranger, agent."""

    code: str


class EntryEvent(ActivityEvent, page="entry"):
    pass


class EntryHeld(EntryEvent, verb="entry.held", sentence="put {subject} on hold"):
    pass


class EntryReleased(EntryEvent, verb="entry.released", sentence="released {subject}"):
    pass


class EntryReopened(EntryEvent, verb="entry.reopened", sentence="reopened {subject}"):
    pass


class EntryMarkedDone(EntryEvent, verb="entry.marked_done", sentence="marked {subject} done"):
    pass


class WorkGivenUp(
    EntryEvent,
    verb="entry.work_given_up",
    sentence="gave up round {round} of {subject}: {host} alone had it, and did not come back",
):
    """`commit`: what is lost."""

    round: int
    host: str
    commit: str


class EntryMarkedFailed(EntryEvent, verb="entry.marked_failed", sentence="marked {subject} failed"):
    pass


class AgentFellBack(
    EntryEvent,
    verb="entry.agent_fell_back",
    sentence="gave {subject} to the agent {agent} for this session: {instead_of} cannot work",
):
    """`agent`, `instead_of`: their names in the config."""

    entry: str
    agent: str
    instead_of: str


class EntryStepped(
    EntryEvent, verb="entry.stepped", sentence="moved {subject} to step {step} of {of} of its route: {agent} works on it now"
):
    """`agent`: its name in the config."""

    step: int
    of: int
    agent: str


class EntryBlocked(
    EntryEvent, verb="entry.blocked", sentence="blocked {subject}", notice="An entry is blocked", symbol="blocked"
):
    """`code`: a reason code. `entry`: its id; `seq`: its number; `title`: the first line of its content."""

    code: str
    entry: str
    seq: int
    title: str


class EntryFailed(EntryEvent, verb="entry.failed", sentence="gave up {subject}", notice="An entry has failed", symbol="failed"):
    """`code`: a reason code. `entry`: its id; `seq`: its number; `title`: the first line of its content."""

    code: str
    entry: str
    seq: int
    title: str


class EntryLanded(EntryEvent, verb="entry.landed", sentence="landed {subject}", notice="An entry has landed", symbol="done"):
    """`commit`: the commit of the integration branch. `entry`: its id; `seq`: its number; `title`: the first line of its content."""

    commit: str
    entry: str
    seq: int = optional(default=0)
    title: str = optional(default="")


class EntryRefused(EntryEvent, verb="entry.refused", sentence="sent {subject} back: it does not land on the current branch"):
    entry: str


class EntryApprovalEvent(EntryEvent):
    """`commit`: the one that is decided about. `entry`: its id."""

    commit: str
    entry: str


class EntryApprovalAsked(
    EntryApprovalEvent,
    verb="entry.approval_asked",
    sentence="verified {subject}: it waits for approval",
    notice="An entry waits for approval",
):
    """`seq`: its number; `title`: the first line of its content."""

    seq: int
    title: str


class EntryUnproven(
    EntryApprovalEvent, verb="entry.unproven", sentence="verified {subject}: no failing test passes by it", symbol="warn"
):
    """`seq`: its number; `title`: the first line of its content."""

    seq: int
    title: str


class EntryApproved(EntryApprovalEvent, verb="entry.approved", sentence="approved {subject}", symbol="done"):
    pass


class EntryCandidateChosen(
    EntryApprovalEvent, verb="entry.candidate_chosen", sentence="chose candidate {candidate} of round {round} for {subject}"
):
    """`candidate`: its number in that round."""

    candidate: int
    round: int


class EntrySentBack(EntryApprovalEvent, verb="entry.sent_back", sentence="sent {subject} back with {count}"):
    """`findings`: how many comments the next round begins with."""

    findings: int

    def words(self) -> dict[str, str]:
        return {"count": counted(self.findings, "comment", "comments")}


class EntryApprovalVoid(
    EntryApprovalEvent, verb="entry.approval_void", sentence="voided the approval of {subject}: its commit changes"
):
    pass


class PullRequestEvent(EntryEvent):
    """`entry`: its id. `commit`: the head of the pull request. `url`: where it is; empty while it is not open yet."""

    commit: str
    entry: str
    url: str


class PullRequestProposed(
    PullRequestEvent,
    verb="entry.proposed",
    sentence="verified {subject}: it lands by pull request",
    notice="An entry waits for its pull request to be merged",
):
    """`seq`: its number; `title`: the first line of its content."""

    seq: int
    title: str


class PullRequestSentBack(
    PullRequestEvent, verb="entry.pull_request_sent_back", sentence="sent {subject} back with {count} from its pull request"
):
    """`findings`: how many the next round begins with."""

    findings: int

    def words(self) -> dict[str, str]:
        return {"count": counted(self.findings, "finding", "findings")}


class PullRequestAdopted(
    PullRequestEvent, verb="entry.pull_request_adopted", sentence="verifies what others pushed to the pull request of {subject}"
):
    pass


class PullRequestMerged(PullRequestEvent, verb="entry.pull_request_merged", sentence="saw the pull request of {subject} merged"):
    """`by`: who merged it there."""

    by: str


class WordsEvent(EntryEvent):
    """`entry`: its id. `text`: the first 200 characters of what was said."""

    entry: str
    text: str


class QuestionAsked(
    WordsEvent,
    verb="question.asked",
    sentence="asked about {subject}: {text}",
    notice="An agent asks a question",
    symbol="unknown",
):
    pass


class EntryLocksReleased(
    EntryEvent, verb="entry.locks_released", sentence="released the locks of {subject}, which waits for approval"
):
    """`paths`: the first 50."""

    count: int
    paths: Sequence[str] = optional(default=())


class QuestionAnswered(WordsEvent, verb="question.answered", sentence="answered a question about {subject}: {text}"):
    pass


class EntryInstructed(WordsEvent, verb="entry.instructed", sentence="gave {subject} an instruction: {text}"):
    pass


class MessageSent(WordsEvent, verb="message.sent", sentence="wrote to the agent of {subject}: {text}"):
    """`session`: its id."""

    session: str


class EntryPrioritySet(EntryEvent, verb="entry.priority", sentence="set the priority of {subject} from {before} to {after}"):
    before: str
    after: str


class EntryRoundsSet(EntryEvent, verb="entry.rounds", sentence="set the rounds of {subject} from {before} to {after}"):
    before: int
    after: int


class EntryParallelSet(EntryEvent, verb="entry.parallel", sentence="changed which entries may run in parallel with {subject}"):
    """Each with `parallelizable` and `parallel_group`."""

    before: dict[str, Any]
    after: dict[str, Any]


class EntryAssigned(EntryEvent, verb="entry.assigned", sentence="assigned {subject} from {before} to {after}"):
    before: str
    after: str

    def words(self) -> dict[str, str]:
        return {"before": str(self.before or "nobody"), "after": str(self.after or "nobody")}


class EntrySpecSet(EntryEvent, verb="entry.spec", sentence="changed the spec of {subject}"):
    pass


class EntryEdited(EntryEvent, verb="entry.edited", sentence="changed the {fields} of {subject}"):
    """`fields`: the names of the changed values, as the API has them."""

    fields: Sequence[str]

    def words(self) -> dict[str, str]:
        return {"fields": ", ".join(name.replace("_", " ") for name in self.fields) or "text"}


class EntrySpecFrozen(EntryEvent, verb="entry.spec_frozen", sentence="froze the spec of {subject}"):
    pass


class EntryReverified(EntryEvent, verb="entry.reverify", sentence="requested to verify {subject} again"):
    pass


class EntryDependenciesSet(
    EntryEvent, verb="entry.depends", sentence="changed the dependencies of {subject} from {before} to {after}"
):
    """The numbers of the entries, in words."""

    before: str
    after: str


class EntryDispatchRequested(EntryEvent, verb="entry.dispatch", sentence="requested a dispatch of {subject}"):
    """`others`: how many other entries the same cycle started; `session`: the id of the started one."""

    others: int
    session: str | None


class EntrySplit(EntryEvent, verb="entry.split", sentence="split {subject} into {children}"):
    """`children`: the ids of the first 50."""

    count: int
    children: Sequence[str]

    def words(self) -> dict[str, str]:
        return super().words() | {"children": counted(self.count, "entry", "entries")}


class EntryRejoined(EntryEvent, verb="entry.rejoined", sentence="undid the split of {subject}"):
    pass


class EntryDeleted(EntryEvent, verb="entry.deleted", sentence="deleted {subject} from the backlog"):
    title: str


class EntryRestored(EntryEvent, verb="entry.restored", sentence="put {subject} back on the backlog"):
    title: str


class BacklogFinished(
    ActivityEvent,
    verb="backlog.finished",
    sentence="{outcome}",
    notice="The backlog is idle",
):
    """Nothing is left to run. `state`: `finished` when every entry has ended, `stuck` when some wait for a person."""

    state: str
    done: int
    failed: int
    blocked: int
    pending: int

    def words(self) -> dict[str, str]:
        stuck = f"left the backlog idle: {self.blocked} blocked, {self.pending} waiting"
        return {"outcome": stuck if self.state == "stuck" else "completed the backlog: nothing left to run"}


class EntriesRebuilt(ActivityEvent, verb="entries.rebuilt", sentence="rebuilt what entries wait for: {count} corrected"):
    count: int
    changed: list[Any]


class LocksReleased(ActivityEvent, verb="locks.released", sentence="released the orphaned locks of {subject}", page="entry"):
    """`paths`: the first 50."""

    count: int
    paths: Sequence[str] = optional(default=())


class HoldSettled(ActivityEvent, verb="hold.settled", sentence="settled the orphaned reservation of an ended session"):
    pass


class HostCounted(ActivityEvent, verb="hold.counted", sentence="booked what {host} counted for a session: {requests} more"):
    """The host was away when the session ended; the rest of the reservation is free."""

    host: str
    requests: int

    def words(self) -> dict[str, str]:
        return super().words() | {"requests": counted(self.requests, "request", "requests")}


class HostGivenUp(
    ActivityEvent, verb="hold.estimated", sentence="charged an estimate for a session on {host}, which is away: {amount}"
):
    host: str
    amount_usd: float

    def words(self) -> dict[str, str]:
        return super().words() | {"amount": amount(self.amount_usd)}


class SharesFunded(BudgetEvent, verb="budget.funded", sentence="gave {changed} without a budget their share of the plan"):
    changed: int
    spare_usd: float

    def words(self) -> dict[str, str]:
        return super().words() | {"changed": counted(self.changed, "entry", "entries")}


class SharesReclaimed(
    BudgetEvent, verb="budget.made_room", sentence="reclaimed {freed} from {changed} to fund first rounds of other entries"
):
    changed: int
    freed_usd: float

    def words(self) -> dict[str, str]:
        return super().words() | {"changed": counted(self.changed, "entry", "entries"), "freed": amount(self.freed_usd)}


class WorkspaceCreated(ActivityEvent, verb="workspace.created", sentence="created the workspace {name}"):
    name: str


class WorkspaceConfigured(ActivityEvent, verb="workspace.configured", sentence="changed the config: {keys}"):
    """`changes`: `key`, `before` and `after` of each changed value."""

    keys: Sequence[str]
    changes: list[dict[str, str]]

    def words(self) -> dict[str, str]:
        return {"keys": ", ".join(map(str, self.keys)) or "nothing"}


class WorkspaceDeleted(ActivityEvent, verb="workspace.deleted", sentence="deleted this workspace"):
    pass


class DigestSent(
    ActivityEvent,
    verb="digest.sent",
    sentence="sent the {frequency} digest to the channel {channel}",
    notice="Digest",
    addressed=True,
):
    """`since` and `until`: its period, ISO in UTC. `landed`, `failed`: the first titles. `waits`: what waits for a person, each with `words`,
    `page` and, if it is about one, `object_id`. `spent_usd`: in the period. `done_by`: the expected finish in the channel's time zone."""

    channel: str
    frequency: str
    since: str
    until: str
    landed_count: int
    landed: Sequence[str]
    failed_count: int
    failed: Sequence[str]
    waits_count: int
    waits: Sequence[Mapping[str, str]]
    spent_usd: float
    total_usd: float
    cap_usd: float
    done_by: str | None

    def report(self) -> Report:
        figures = f"{self.landed_count} landed, {self.failed_count} failed, {counted(self.waits_count, 'waits', 'wait')} for you"
        lines = [
            _titles("Landed", self.landed_count, self.landed),
            _titles("Failed", self.failed_count, self.failed),
            f"Spent {amount(self.spent_usd)}; {amount(self.total_usd)} of the cap of {amount(self.cap_usd)} in all.",
            f"At this pace done by {self.done_by}." if self.done_by else "",
            "Waits for a person:" if self.waits else "",
        ]
        links = [ReportLink(item["words"], item["page"], item.get("object_id", "")) for item in self.waits if "page" in item]
        more = self.waits_count - len(links)
        links += [ReportLink(f"{more} more", "workspace")] if links and more > 0 else []
        return Report(f"{self.frequency.capitalize()} digest: {figures}", [line for line in lines if line], links)


def _titles(what: str, count: int, titles: Sequence[str]) -> str:
    more = f"; and {count - len(titles)} more" if count > len(titles) else ""
    return f"{what}: {'; '.join(titles)}{more}." if titles else ""
