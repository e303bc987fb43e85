"""The rights of a session's own token besides reporting: ask people, propose entries, and read its entry."""

import hashlib
from typing import Any

from django.db import transaction

from orchestration import configuration, schemas
from orchestration.backlog import entries, entry_actions
from orchestration.configuration import secrets
from orchestration.dialogue import questions
from orchestration.edge import queries
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Executor, Session
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.schemas import clean
from workspaces.secrets import masking

MAX_PROPOSED = 10
"""Proposals of one session that nobody has looked at."""


def session_of(caller: Caller) -> Session:
    """The open session whose token is calling. Raises NotFound."""
    if caller.token is None or not caller.session_ref:
        raise NotFound("Worker session not found")
    session = queries.session_for(str(caller.token.workspace_id), caller.session_ref)
    if session.ended_at is not None:
        raise NotFound("Worker session not found")
    return session


def ask(caller: Caller, text: str, key: str) -> dict[str, Any]:
    """Note a question for people. The same key counts once. Raises Invalid, NotFound."""
    session = session_of(caller)
    try:
        text = clean(text)
    except ValueError as error:
        raise Invalid(str(error), "text") from None
    try:
        questions.ask(session, f"mcp:{_digest(key)}", _mask(session)(text))
    except questions.QuestionRefused as refused:
        raise Invalid(str(refused), "text") from None
    return {"noted": questions.NOTED}


def propose(caller: Caller, item: schemas.EntryIn, key: str) -> dict[str, Any]:
    """Add an entry that is on hold and has no money: it starts only when a person resumes it and pays it. The same key counts once. Raises
    Invalid, NotFound."""
    session = session_of(caller)
    content, spec = masking.in_all([item.content, item.spec.model_dump(exclude_none=True) if item.spec else {}], _mask(session))
    draft = entries.Draft(content=content, spec=spec, budget=0)
    own_key = f"agent:{session.pk}:{_digest(key)}"
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=session.workspace_id)
        before = entries.find_added(session.workspace_id, own_key)
        if before:
            return {"entry_id": before[0].pk}
        if _proposed(session, caller) >= MAX_PROPOSED:
            raise Invalid(f"{MAX_PROPOSED} of your proposals wait for a person: make no more", "content")
        created = entries.add(session.workspace_id, [draft], by=caller, idempotency_key=own_key)[0]
        why = f"Proposed by the agent of {session.entry_id}: give it a budget and resume it, or delete it"
        entry_actions.put_on_hold(created, by=caller, reason=why)
    return {"entry_id": created.pk}


def read_entry(caller: Caller) -> dict[str, Any]:
    """The session's own entry, as the API shows it. Raises NotFound."""
    session = session_of(caller)
    return queries.shown_entries(session.workspace_id, [queries.entry_for(session.workspace_id, session.owner_id)])[0]


def _proposed(session: Session, caller: Caller) -> int:
    mine = Entry.objects.filter(workspace_id=session.workspace_id, created_by=caller.name, deleted_at__isnull=True)
    return mine.filter(status=Entry.Status.BLOCKED, reason_code=Reason.HUMAN_HOLD).count()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _mask(session: Session) -> masking.Mask:
    config = configuration.load(Executor.objects.get(pk=session.workspace_id).config)
    return secrets.mask_for(session.workspace_id, configuration.envs(config))
