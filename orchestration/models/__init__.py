"""Tables of the work.

`entries`: entries and their dependencies. `sessions`: sessions, rounds, logs and conversations. `executor`: executors and worker processes.
`approvals`: approvals of commits and comments on lines. `backups`: when the last backups were written. `dialogue`: messages to agents, and their questions. `outcome_counts`: how many rounds, sessions and landings ended in which way. `runs`: what runs were asked and answered, and their proposals. `locks`: file locks. `agent_checks`: whether agents can work, and circuit breakers. `landing`: verdicts on trees, the integration branch and the landing queue. `forges`: pull requests. `secrets`: sealed variables, credentials. `triggers`: what adds entries without a person. `sql_dialect`: SQL that differs between the databases.
"""

from orchestration.models.agent_checks import AgentCheck, ProviderBreaker
from orchestration.models.approvals import Approval, ReviewComment
from orchestration.models.backups import Backup
from orchestration.models.dialogue import Message, Question
from orchestration.models.entries import Dependency, Entry
from orchestration.models.executor import Executor, Worker
from orchestration.models.forges import ForgeDelivery, PullRequest
from orchestration.models.landing import Integration, IntegrationCommit, Landing, TreeVerdict
from orchestration.models.locks import FileLock
from orchestration.models.outcome_counts import OutcomeCount
from orchestration.models.runs import Proposal, Run
from orchestration.models.secrets import Credential, Secret
from orchestration.models.sessions import Conversation, LogChunk, Round, Session
from orchestration.models.triggers import Firing, IssueEntry, Trigger
from workspaces.models import known_words

__all__ = [
    "AgentCheck",
    "Approval",
    "Backup",
    "Conversation",
    "Credential",
    "Dependency",
    "Entry",
    "Executor",
    "FileLock",
    "Firing",
    "ForgeDelivery",
    "Integration",
    "IntegrationCommit",
    "IssueEntry",
    "Landing",
    "LogChunk",
    "Message",
    "OutcomeCount",
    "Proposal",
    "ProviderBreaker",
    "PullRequest",
    "Question",
    "ReviewComment",
    "Round",
    "Run",
    "Secret",
    "Session",
    "TreeVerdict",
    "Trigger",
    "Worker",
]

known_words.keep(
    Conversation,
    Entry,
    Executor,
    Firing,
    Integration,
    IntegrationCommit,
    Landing,
    Proposal,
    PullRequest,
    Round,
    Session,
    TreeVerdict,
    Trigger,
)
