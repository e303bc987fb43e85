"""The ending of a session, by event and fault: pure, one table.

`sessions.conclude` writes the ending. `backlog.rules.transitions` decides the entry's next state.
"""

from dataclasses import dataclass
from typing import Literal

from orchestration.backlog.rules.ways import Done
from orchestration.configuration.provider_trouble import Reviewer, Trouble
from orchestration.facts.failures import Failure
from orchestration.facts.reasons import Reason
from orchestration.sessions.ending import Ending, Verdict

UNCHANGED = str(Reason.NO_CHANGE)
MAX = 500  # characters of a sentence; the first finding of a verdict stays whole
DISK_FULL = "The disk of this host was full: the work is kept, and goes on when there is space."
AWAY = "The repository could not be used: the work is kept, and goes on when it is back."
OUTAGE = "The database was away for a moment: the work is kept, and goes on."

What = Literal[
    "verified",
    "verified_unproven",
    "landed",
    "nothing_to_do",
    "proposed",
    "refused",
    "unchanged",
    "doomed",
    "conflicted",
    "asked",
    "not_judged",
    "failed",
    "timed_out",
    "unpaid",
    "stopped",
    "not_begun",
    "waits",
    "lost",
]
Fault = Literal[
    "nobody",
    "work",
    "agent",
    "provider",
    "setup",
    "config",
    "git",
    "start",
    "muster",
    "host",
    "repository",
    "shared_repository",
    "disk",
    "database",
    "worker",
    "person",
    "line",
    "others",
    "budget",
    "review_budget",
    "judge_budget",
    "base",
]
"""git, start: an error of git or of a process's start, with healthy surroundings. setup: the provider needs a person. line: an earlier entry needs the money.
others: entries with locks on its files."""
Verify = Literal["never", "if_done", "always"]


@dataclass(frozen=True, slots=True)
class Row:
    """An ending. Sentence and finding are formatted with the words of the facts."""

    outcome: str
    sentence: str = "{0}"
    finding: str | None = None  # of the round
    verify: Verify = "never"  # the entry's next session only verifies
    of_run: str = ""  # another sentence for runs
    needs_person: bool = False  # the entry waits for a person


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a session's end."""

    what: What
    fault: Fault
    words: tuple[str, ...] = ()  # for the row's sentence
    is_done: bool = False  # the agent's work is done, without its verification
    is_run: bool = False
    exit_code: int | None = None
    cost_unknown: bool = False
    at_most: int | None = None
    awaits_host: str = ""
    how: str = ""  # appended to the sentence: the worker killed processes
    failure: Failure | None = None  # of the agent
    of: Reviewer = ""  # the reviewing agent of the failure
    verdict: Verdict | None = None
    lands: str = ""  # the verified commit
    done: Done | None = None
    lacks: tuple[int, str] | None = None  # like Ending.lacks


@dataclass(eq=False)
class SessionOver(Exception):
    """Ends the session from within a step."""

    facts: Facts


TABLE: dict[tuple[What, Fault], Row] = {
    ("verified", "nobody"): Row("passed", "Verified: it waits for its landing"),
    ("verified_unproven", "nobody"): Row("passed", "Verified, and unproven: no failing test passes by it"),
    ("landed", "nobody"): Row("passed", "Merged: {0} is in the integration branch"),
    ("nothing_to_do", "nobody"): Row("passed", "Its agent found nothing to do"),
    ("proposed", "nobody"): Row("passed"),
    ("proposed", "worker"): Row("passed", "It made its proposals, and then its worker was lost"),
    ("refused", "work"): Row("failed"),
    ("refused", "worker"): Row("failed", "Verification failed, and then its worker was lost"),
    ("refused", "agent"): Row("failed", "Its answer cannot be used: {0}"),
    ("not_judged", "work"): Row("failed", "nothing_changed: {0}, so there was nothing to verify"),
    ("unchanged", "agent"): Row(UNCHANGED),
    ("unchanged", "worker"): Row(UNCHANGED, "Verification failed, and then its worker was lost"),
    ("doomed", "agent"): Row("doomed"),
    ("doomed", "worker"): Row("doomed", "Its agent was ended early, and then its worker was lost"),
    ("conflicted", "work"): Row("conflict"),
    ("asked", "agent"): Row("asked", "It asked: {0}"),
    ("asked", "worker"): Row("asked", "It asked, and then its worker was lost: {0}"),
    ("failed", "agent"): Row("crashed", finding="{0}"),
    ("failed", "provider"): Row("unavailable", finding="{0}"),
    ("failed", "setup"): Row("unavailable", finding="{0}"),
    ("failed", "config"): Row("crashed", finding="{0}"),
    ("failed", "git"): Row("crashed", "git: {0}", finding="{0}", verify="if_done"),
    ("failed", "start"): Row("crashed", finding="{0}", verify="if_done"),
    ("failed", "muster"): Row("crashed", "Muster itself failed: {0}", verify="if_done"),
    ("failed", "host"): Row("interrupted", finding="{0}", verify="if_done"),
    ("failed", "repository"): Row("interrupted", f"{AWAY} {{0}}", finding=f"{AWAY} {{0}}", verify="if_done"),
    ("failed", "shared_repository"): Row("interrupted", verify="if_done"),
    ("failed", "disk"): Row("interrupted", f"{DISK_FULL} {{0}}", finding=f"{DISK_FULL} {{0}}", verify="if_done"),
    ("timed_out", "agent"): Row("timed_out", finding="{0}"),
    ("not_judged", "base"): Row("crashed", finding="{0}", verify="always"),
    ("not_judged", "agent"): Row("crashed", finding="{0}", verify="always"),
    ("not_judged", "provider"): Row("unavailable", finding="{0}", verify="always"),
    ("not_judged", "setup"): Row("unavailable", finding="{0}", verify="always"),
    ("not_judged", "config"): Row("crashed", finding="{0}", verify="always"),
    ("unpaid", "budget"): Row("out_of_money", finding="{0}"),
    ("unpaid", "review_budget"): Row("out_of_money", finding="{0}", verify="always", needs_person=True),
    ("unpaid", "judge_budget"): Row("out_of_money", finding="{0}", verify="always"),
    ("stopped", "person"): Row(
        "stopped", "Stopped by {0}: its work is kept", "Stopped by {0}: its work is kept", "if_done", of_run="Stopped by {0}"
    ),
    ("stopped", "line"): Row("out_of_money", finding="{0}", verify="if_done"),
    ("stopped", "worker"): Row(
        "interrupted",
        "The worker was shut down: its work is kept",
        "The round was interrupted.",
        "if_done",
        of_run="The worker was shut down: ask again",
    ),
    ("not_begun", "host"): Row("interrupted"),
    ("not_begun", "work"): Row("interrupted"),
    ("waits", "others"): Row("interrupted", verify="always"),
    ("lost", "worker"): Row(
        "lost",
        "Its worker was lost: its work is kept",
        "Its worker was lost: its work is kept",
        "if_done",
        of_run="Its worker was lost: ask again",
    ),
    ("lost", "host"): Row(
        "lost",
        "{0} is away: its work is kept; the rest of the reservation waits for what {0} has counted",
        "{0} is away: its work is kept; the rest of the reservation waits for what {0} has counted",
        "if_done",
        of_run="{0} is away: ask again; the rest of the reservation waits for what {0} has counted",
    ),
    ("lost", "database"): Row("interrupted", OUTAGE, OUTAGE, "if_done"),
}


def after(facts: Facts) -> Ending:
    """The ending of a session. A round is used up only by the work's fault, or by none; only a crash counts against the agent."""
    row = TABLE[facts.what, facts.fault]
    message = (row.of_run if facts.is_run and row.of_run else row.sentence).format(*facts.words) + facts.how
    if facts.verdict is None:
        message = message[:MAX]
    finding = None if row.finding is None or facts.is_run else (row.finding.format(*facts.words) + facts.how)[:MAX]
    return Ending(
        row.outcome,
        message,
        exit_code=0 if row.outcome == "passed" and facts.fault == "nobody" else facts.exit_code,
        cost_unknown=facts.cost_unknown,
        at_most=facts.at_most,
        awaits_host=facts.awaits_host,
        verdict=facts.verdict,
        findings=() if finding is None else (finding,),
        failure=facts.failure.code if facts.failure else "",
        trouble=trouble_of(facts.failure, facts.of) if row.outcome == "unavailable" and facts.failure else None,
        verify_next=row.verify == "always" or (row.verify == "if_done" and facts.is_done),
        lands=facts.lands,
        done=facts.done,
        on_hold=message if row.needs_person else "",
        lacks=facts.lacks,
    )


def trouble_of(failure: Failure, of: Reviewer = "") -> Trouble | None:
    """The provider's trouble; None: the agent itself failed."""
    cause = failure.kind.cause
    return None if cause == "agent" else Trouble(failure.code, failure.sentence, cause, failure.retry_at, of)
