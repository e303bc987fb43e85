"""The orchestration app's history on the admin site: the dashboard, the API and forges act on these rows."""

from orchestration.admin.fixes import Reap, RebuildBacklog
from orchestration.models import (
    AgentCheck,
    Approval,
    Backup,
    Conversation,
    Credential,
    Executor,
    Firing,
    ForgeDelivery,
    Integration,
    IntegrationCommit,
    IssueEntry,
    Landing,
    LogChunk,
    Message,
    OutcomeCount,
    Proposal,
    ProviderBreaker,
    PullRequest,
    Question,
    ReviewComment,
    Round,
    Run,
    Secret,
    Session,
    TreeVerdict,
    Trigger,
)
from workspaces.admin.base import readonly

ENTRY = ["entry__spec", "entry__paths"]  # large, and on no list
SUBJECT = ["subject__spec", "subject__paths"]
WORKSPACE = "workspace__name =workspace__id"

# fmt: off
readonly(Executor, "workspace state changed_by changed_at version last_seq", "state", WORKSPACE, ordering="workspace__name pk",
         actions=[RebuildBacklog()])
readonly(ProviderBreaker, "workspace credential family code count since until", "code", f"{WORKSPACE} credential",
         ordering="workspace__name credential family")
readonly(Credential, "workspace name billing changed_by changed_at", "billing", f"{WORKSPACE} name", ordering="workspace__name name",
         exclude=["sealed"])
readonly(Secret, "name workspace changed_by changed_at", "workspace", "name", ordering="workspace name",
         fields="name workspace changed_by changed_at")  # a sealed value is unreadable, and the API sets values
readonly(AgentCheck, "workspace ok message host due at", "ok due", WORKSPACE, ordering="workspace__name pk")

readonly(Session, "id entry attempt status phase outcome agent model host claimed_at ended_at",
         "status outcome work agent claimed_at workspace", "=id =entry__id ^host ^model",
         "A session's id, an entry's id, or how the host or the model begins.", ordering="-claimed_at id",
         list_defer=ENTRY, date_hierarchy="claimed_at", actions=[Reap()])
readonly(Round, "id entry number verdict score improvement_score session started_at ended_at", "verdict started_at entry__workspace",
         "=entry__id =session__id =commit", "An entry's id, a session's id, or a commit.",
         list_defer=["prompt", "findings", "checks", "summary", "diffstat", *ENTRY])
readonly(LogChunk, "id session first_seq size", "", "=session__id", "A session's id.", list_defer=["lines"])
readonly(Conversation, "thread_id entry role kind updated_at", "role kind entry__workspace", "=thread_id =entry__id",
         ordering="-updated_at pk")
readonly(Message, "__str__ entry session sent_by sent_at delivered_at", "entry__workspace", "=entry__id =session__id =sent_by",
         "An entry's or a session's id, or a name.", list_defer=ENTRY)
readonly(Question, "__str__ entry session asked_at answered_by answered_at delivered_at", "workspace",
         "=entry__id =session__id =answered_by", "An entry's or a session's id, or a name.", list_defer=ENTRY)

readonly(Run, "session goal requested_by trigger subject commit", "trigger", "=session__id goal", "A run's id, or words of its goal.",
         ordering="-session__claimed_at pk", list_select_related=["session", "subject"], list_defer=["prompt", "answer", *SUBJECT])
readonly(Proposal, "id run number kind title state subject entry decided_by decided_at", "state kind",
         "=run__session__id =entry__id", "A run's or an entry's id.", list_defer=["run__prompt", "run__answer", *SUBJECT, *ENTRY])

readonly(TreeVerdict, "id workspace kind passed commit tree seconds by at", "kind passed workspace", "=tree =commit",
         "A tree or a commit.", list_defer=["checks", "cases"], exclude=["cases"])
readonly(Integration, "workspace state tip foreign_tip phase lease_until fence", "state", f"{WORKSPACE} =tip",
         ordering="workspace__name pk")
readonly(IntegrationCommit, "id workspace kind state subject new reused done_at", "kind state workspace", "=new subject")
readonly(Landing, "id workspace kind entry state commit by queued_at ended_at", "kind state workspace", "=entry__id =commit",
         "An entry's id, or a commit.", list_defer=ENTRY)
readonly(Approval, "id entry commit by at void_at", "entry__workspace", "=entry__id =commit =by",
         "An entry's id, a commit, or a name.", list_defer=ENTRY)
readonly(ReviewComment, "id entry commit path line by at sent_at", "entry__workspace", "=entry__id =commit =by",
         "An entry's id, a commit, or a name.", list_defer=ENTRY)

readonly(PullRequest, "__str__ entry state branch problem message opened_at ended_at", "state problem workspace",
         "=entry__id =number =branch =head", "An entry's id, a number, a branch or a commit.", list_defer=ENTRY)
readonly(ForgeDelivery, "__str__ workspace event at", "event workspace", "=key", "The hash of a webhook's content.")
readonly(Trigger, "name workspace kind schedule label time_zone is_enabled next_due deleted_at", "kind is_enabled workspace",
         "=id name", "A trigger's id, or words of its name.", ordering="-created_at pk", exclude=["sealed"])
readonly(Firing, "id trigger key at entry skipped fired_by", "skipped", "=trigger__id =entry__id =key",
         "A trigger's or an entry's id, or a key.", list_defer=["trigger__template", *ENTRY])
readonly(IssueEntry, "__str__ entry workspace commented_at closed_at problem retry_at", "problem workspace", "=entry__id =number",
         "An entry's id, or an issue's number.", ordering="-at pk", list_defer=ENTRY)

readonly(OutcomeCount, "__str__ workspace of kind result number", "of result workspace", "=workspace__id", "A workspace's id.")
readonly(Backup, "__str__ host is_whole at", "is_whole", "=host", "The name of the host that wrote it.")
