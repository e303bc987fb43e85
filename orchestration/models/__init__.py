"""Work: entries, the sessions that work on them, the rounds they make, the paths they lock, the executor that decides."""

from orchestration.models.entries import Dependency, Entry
from orchestration.models.executor import Executor, Worker
from orchestration.models.locks import FileLock
from orchestration.models.secrets import Secret
from orchestration.models.sessions import Conversation, LogChunk, Round, Session

__all__ = ["Conversation", "Dependency", "Entry", "Executor", "FileLock", "LogChunk", "Round", "Secret", "Session", "Worker"]
