"""Events of the activity log about entries, sessions, the executor and workspaces. Amounts in USD, as JSON numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from budget.events import BudgetEvent, amount
from workspaces.activity.events import ActivityEvent, Report, ReportLink, counted, optional


class ExecutorEvent(ActivityEvent):
    """`before` and `after`: the executor's states."""

    before: str
    after: str


ExecutorStarted = ExecutorEvent.define("executor.start", "started the executor")
ExecutorPaused = ExecutorEvent.define("executor.pause", "paused the executor")
ExecutorResumed = ExecutorEvent.define("executor.resume", "resumed the executor")
ExecutorStoppedAll = ExecutorEvent.define("executor.stop_all", "stopped everything")
DispatchForced = ActivityEvent.define("executor.force_dispatch", "requested a dispatch cycle")


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


SessionStarted = SessionEvent.define("session.started", "started a session on {subject}")
SessionStopRequested = SessionEvent.define("session.stop", "requested a stop of the session on {subject}")
SessionKillRequested = SessionEvent.define("session.kill", "requested to kill the session on {subject}")
HoldAfterRequested = SessionEvent.define("session.hold_after", "requested to hold {subject} after its round")
HoldAfterWithdrawn = SessionEvent.define("session.hold_after_undone", "withdrew the request to hold {subject} after its round")
SessionReapRequested = SessionEvent.define("session.reap", "requested to end the lost session on {subject}")


class SpendDoubted(
    SessionEvent,
    verb="session.doubted",
    sentence="asks whether the session on {subject} spent {booked_usd:usd} where {reserved_usd:usd} was reserved",
    notice="A session reports far more than it had reserved",
):
    booked_usd: float
    reserved_usd: float


class SpendConfirmed(SessionEvent, verb="session.spend_true", sentence="says that the spend of the session on {subject} is true"):
    amount_usd: float


class SpendDenied(
    SessionEvent,
    verb="session.spend_false",
    sentence="says that the spend of the session on {subject} is not true: {amount_usd:usd}",
):
    amount_usd: float


class SessionAnomaly(
    SessionEvent,
    verb="session.anomaly",
    sentence="found unusual spend in the session on {subject}: {rate:usd} a minute",
    notice="A session spends far more than usual",
):
    """`rate` and `usual`: USD a minute."""

    rate: float
    usual: float


class SessionEnded(SessionEvent):
    """One subclass per outcome. `entry_status` and `code`: where the entry went, and the reason."""

    round: int
    entry_status: str
    code: str


SessionPassed = SessionEnded.define("session.passed", "verified the work on {subject}", symbol="done")

SESSION_ENDED: dict[str, type[SessionEnded]] = {
    event.verb.removeprefix("session."): event
    for event in (
        SessionPassed,
        SessionEnded.define("session.failed", "ended a round of {subject}: verification failed", symbol="failed"),
        SessionEnded.define("session.no_change", "ended the session on {subject}: its agent changed nothing"),
        SessionEnded.define(
            "session.doomed", "ended the session on {subject} early: its agent made no progress", symbol="failed"
        ),
        SessionEnded.define("session.not_chosen", "ended a candidate for {subject}: another one passed first"),
        SessionEnded.define("session.conflict", "could not merge {subject}"),
        SessionEnded.define("session.crashed", "ended the session on {subject}: its agent crashed", symbol="failed"),
        SessionEnded.define("session.timed_out", "ended the session on {subject}: timed out", symbol="failed"),
        SessionEnded.define("session.out_of_money", "ended the session on {subject}: its money is used up"),
        SessionEnded.define("session.stopped", "stopped the session on {subject}"),
        SessionEnded.define("session.interrupted", "interrupted the session on {subject}"),
        SessionEnded.define("session.lost", "ended the session on {subject}: worker lost", symbol="unknown"),
        SessionEnded.define("session.unavailable", "ended the session on {subject}: provider unavailable"),
        SessionEnded.define("session.asked", "ended the session on {subject}: its agent asked a question"),
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


RunStopRequested = ActivityEvent.define("run.stop", "requested a stop of an agent's run")


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


class ProposalsRejected(ActivityEvent, verb="proposals.rejected", sentence="rejected {rejected:proposal/proposals} of a run"):
    rejected: int


class ProposalsReopened(ActivityEvent, verb="proposals.reopened", sentence="reopened {reopened:proposal/proposals} of a run"):
    reopened: int


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


AgentUnavailable = ProviderEvent.define("agent.unavailable", "paused {agents}: the provider or the setup is unavailable ({code})")
AgentAvailable = ProviderEvent.define("agent.available", "resumed {agents}: they can work again")
AgentRetried = ProviderEvent.define("agent.retry", "requested a retry of {agents}")


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


RepositoryUnavailable = AgentEvent.define("repository.unavailable", "paused all work: the repository cannot be used ({code})")
RepositoryAvailable = AgentEvent.define("repository.available", "resumed the work: the repository is back")


class SecretEvent(ActivityEvent):
    name: str


SecretSet = SecretEvent.define("secret.set", "set the secret {name}")
SecretReplaced = SecretEvent.define("secret.replaced", "replaced the secret {name}")
SecretRemoved = SecretEvent.define("secret.removed", "removed the secret {name}")


class CredentialEvent(ActivityEvent):
    name: str


class CredentialChange(CredentialEvent):
    """`keys`: what was given, by name only."""

    keys: Sequence[str]

    def words(self) -> dict[str, str]:
        return super().words() | {"keys": ", ".join(map(str, self.keys)) or "its name alone"}


CredentialSet = CredentialChange.define("credential.set", "added the credential {name}: {keys}")
CredentialReplaced = CredentialChange.define("credential.replaced", "changed the credential {name}: {keys}")
CredentialRemoved = CredentialEvent.define("credential.removed", "removed the credential {name}")
IntegrationPushed = ActivityEvent.define("integration.pushed", "pushed the integration branch again")
IntegrationPushFailed = ActivityEvent.define("integration.push_failed", "could not push the integration branch")


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


IntegrationGood = ActivityEvent.define("integration.good", "resumed dispatch: the integration branch is good")


class CommitEvent(ActivityEvent):
    commit: str


BaseRefused = CommitEvent.define("integration.base_refused", "could not merge the base branch")
TipAccepted = CommitEvent.define("integration.accepted", "accepted {commit:.12} as the integration branch's tip")
RevertRequested = CommitEvent.define("integration.revert", "requested to revert {commit:.12}")


class TipPutBack(ActivityEvent, verb="integration.put_back", sentence="put the integration branch back to {commit:.12}"):
    """`kept`: the ref of the commits that left the branch."""

    commit: str
    kept: str


TipCheckRequested = ActivityEvent.define("integration.check", "requested to run the checks on the integration branch again")


PushRequested = ActivityEvent.define("integration.push", "requested a push of the integration branch")


class MergedIntoBase(ActivityEvent, verb="integration.merged", sentence="merged the integration branch into {branch}"):
    branch: str
    commit: str


class EntriesAdded(ActivityEvent, verb="entries.added", sentence="added {count:entry/entries}"):
    """`entries`: the first 50 ids. `without_money`: how many of them nothing is left for."""

    count: int
    entries: Sequence[str]
    without_money: int = optional(default=0)


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


TriggerCreated = TriggerEvent.define("trigger.created", "added the trigger {name}")


class TriggerChanged(TriggerEvent, verb="trigger.changed", sentence="changed the trigger {name}: {fields}"):
    """`fields`: the names of the changed values."""

    fields: Sequence[str]

    def words(self) -> dict[str, str]:
        return super().words() | {"fields": ", ".join(name.removeprefix("is_").replace("_", " ") for name in self.fields)}


TriggerDeleted = TriggerEvent.define("trigger.deleted", "deleted the trigger {name}")


class TriggerFired(TriggerEvent, verb="trigger.fired", sentence="added {subject} by the trigger {name}"):
    """`entry`: its id."""

    entry: str


class TriggerSkipped(TriggerEvent, verb="trigger.skipped", sentence="skipped a firing of the trigger {name}"):
    """`code`: why it added no entry: disabled, overlap, month_budget, downtime, invalid, open, stranger, agent."""

    code: str


class EntryEvent(ActivityEvent, page="entry"):
    pass


EntryHeld = EntryEvent.define("entry.held", "put {subject} on hold")
EntryReleased = EntryEvent.define("entry.released", "released {subject}")
EntryReopened = EntryEvent.define("entry.reopened", "reopened {subject}")
EntryMarkedDone = EntryEvent.define("entry.marked_done", "marked {subject} done")


class WorkGivenUp(
    EntryEvent,
    verb="entry.work_given_up",
    sentence="gave up round {round} of {subject}: {host} alone had it, and did not come back",
):
    """`commit`: what is lost."""

    round: int
    host: str
    commit: str


EntryMarkedFailed = EntryEvent.define("entry.marked_failed", "marked {subject} failed")


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


class EntryHalted(EntryEvent):
    """`code`: a reason code. `entry`: its id; `seq`: its number; `title`: the first line of its content."""

    code: str
    entry: str
    seq: int
    title: str


EntryBlocked = EntryHalted.define("entry.blocked", "blocked {subject}", notice="An entry is blocked", symbol="blocked")
EntryFailed = EntryHalted.define("entry.failed", "gave up {subject}", notice="An entry has failed", symbol="failed")


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


EntryApproved = EntryApprovalEvent.define("entry.approved", "approved {subject}", symbol="done")


class EntryCandidateChosen(
    EntryApprovalEvent, verb="entry.candidate_chosen", sentence="chose candidate {candidate} of round {round} for {subject}"
):
    """`candidate`: its number in that round."""

    candidate: int
    round: int


class EntrySentBack(EntryApprovalEvent, verb="entry.sent_back", sentence="sent {subject} back with {findings:comment/comments}"):
    """`findings`: how many comments the next round begins with."""

    findings: int


EntryApprovalVoid = EntryApprovalEvent.define("entry.approval_void", "voided the approval of {subject}: its commit changes")


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
    PullRequestEvent,
    verb="entry.pull_request_sent_back",
    sentence="sent {subject} back with {findings:finding/findings} from its pull request",
):
    """`findings`: how many the next round begins with."""

    findings: int


PullRequestAdopted = PullRequestEvent.define(
    "entry.pull_request_adopted", "verifies what others pushed to the pull request of {subject}"
)


class PullRequestMerged(PullRequestEvent, verb="entry.pull_request_merged", sentence="saw the pull request of {subject} merged"):
    """`by`: who merged it there."""

    by: str


class WordsEvent(EntryEvent):
    """`entry`: its id. `text`: the first 200 characters of what was said."""

    entry: str
    text: str


QuestionAsked = WordsEvent.define(
    "question.asked", "asked about {subject}: {text}", notice="An agent asks a question", symbol="unknown"
)


class EntryLocksReleased(
    EntryEvent, verb="entry.locks_released", sentence="released the locks of {subject}, which waits for approval"
):
    """`paths`: the first 50."""

    count: int
    paths: Sequence[str] = optional(default=())


QuestionAnswered = WordsEvent.define("question.answered", "answered a question about {subject}: {text}")
EntryInstructed = WordsEvent.define("entry.instructed", "gave {subject} an instruction: {text}")


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


EntrySpecSet = EntryEvent.define("entry.spec", "changed the spec of {subject}")


class EntryEdited(EntryEvent, verb="entry.edited", sentence="changed the {fields} of {subject}"):
    """`fields`: the names of the changed values, as the API has them."""

    fields: Sequence[str]

    def words(self) -> dict[str, str]:
        return {"fields": ", ".join(name.replace("_", " ") for name in self.fields) or "text"}


EntrySpecFrozen = EntryEvent.define("entry.spec_frozen", "froze the spec of {subject}")
EntryReverified = EntryEvent.define("entry.reverify", "requested to verify {subject} again")


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


class EntrySplit(EntryEvent, verb="entry.split", sentence="split {subject} into {count:entry/entries}"):
    """`children`: the ids of the first 50."""

    count: int
    children: Sequence[str]


EntryRejoined = EntryEvent.define("entry.rejoined", "undid the split of {subject}")


class EntryRemoval(EntryEvent):
    title: str


EntryDeleted = EntryRemoval.define("entry.deleted", "deleted {subject} from the backlog")
EntryRestored = EntryRemoval.define("entry.restored", "put {subject} back on the backlog")


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


HoldSettled = ActivityEvent.define("hold.settled", "settled the orphaned reservation of an ended session")


class HostCounted(
    ActivityEvent, verb="hold.counted", sentence="booked what {host} counted for a session: {requests:request/requests} more"
):
    """The host was away when the session ended; the rest of the reservation is free."""

    host: str
    requests: int


class HostGivenUp(
    ActivityEvent, verb="hold.estimated", sentence="charged an estimate for a session on {host}, which is away: {amount_usd:usd}"
):
    host: str
    amount_usd: float


class SharesFunded(
    BudgetEvent, verb="budget.funded", sentence="gave {changed:entry/entries} without a budget their share of the plan"
):
    changed: int
    spare_usd: float


class SharesReclaimed(
    BudgetEvent,
    verb="budget.made_room",
    sentence="reclaimed {freed_usd:usd} from {changed:entry/entries} to fund first rounds of other entries",
):
    changed: int
    freed_usd: float


class WorkspaceCreated(ActivityEvent, verb="workspace.created", sentence="created the workspace {name}"):
    name: str


class WorkspaceConfigured(ActivityEvent, verb="workspace.configured", sentence="changed the config: {keys}"):
    """`changes`: `key`, `before` and `after` of each changed value."""

    keys: Sequence[str]
    changes: list[dict[str, str]]

    def words(self) -> dict[str, str]:
        return {"keys": ", ".join(map(str, self.keys)) or "nothing"}


WorkspaceDeleted = ActivityEvent.define("workspace.deleted", "deleted this workspace")


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
