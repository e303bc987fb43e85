"""The ending of a crashed session. No entry pays for its host, its repository or a full disk. Pure."""

from dataclasses import dataclass, replace

from orchestration.sessions.ending import Ending
from orchestration.worker.endings.table import Facts, Fault, after

NOT_FOUND = (126, 127)  # exit codes of a shell for an unstartable program
READ_ONLY = "Read-only file system"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The host and the repository of a session after its crash."""

    host: str = ""  # its problem
    repository: str = ""  # its problem
    was_away: bool = False  # the repository had a problem meanwhile
    disk_is_full: bool = False


def suspects_host(crash: Ending, fault: Fault) -> bool:
    """True after a failed start of a process: the host is then examined."""
    return fault == "start" or crash.exit_code in NOT_FOUND


def blame(crash: Ending, fault: Fault, around: Surroundings, *, is_done: bool) -> Ending:
    """The ending of a crashed session, after a look at its surroundings."""
    if around.host:
        return _instead(crash, "host", around.host, is_done=crash.verify_next)
    if around.repository or around.was_away or (fault == "git" and READ_ONLY in crash.message):
        return _instead(crash, "repository", around.repository or crash.message, is_done=is_done)
    if around.disk_is_full and fault in ("git", "muster"):
        return _instead(crash, "disk", crash.message, is_done=crash.verify_next)
    return crash


def _instead(crash: Ending, fault: Fault, cause: str, *, is_done: bool) -> Ending:
    row = after(Facts("failed", fault, (cause,), is_done=is_done))
    return replace(crash, outcome=row.outcome, message=row.message, findings=row.findings, verify_next=row.verify_next)
