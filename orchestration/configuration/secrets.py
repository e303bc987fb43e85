"""Secrets of a workspace: encrypted at rest with the server's key, decrypted only for its agents, masked in all stored output."""

import re
from collections.abc import Iterable, Mapping

from django.db import transaction

from orchestration import events
from orchestration.configuration import agent_checks, circuit_breaker
from orchestration.messaging import wake_ups
from orchestration.models import Secret
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.sealing import Sealed, seal, unseal

PURPOSE = "muster secrets 1"
MAX_CHARS = 16_000
MAX_SECRETS = 100
MIN_MASKED = 6  # shorter values would black out half of any log
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
MUSTERS_OWN = ("FORGE_TOKEN", "FORGE_WEBHOOK_SECRET")
"""Muster itself uses these: an agent with them could merge its own work."""
LONG_WORD = 24  # of a multi-line value: a line of base64, not an English word
_SENSITIVE = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.I)


def put(workspace_id: str, name: str, value: str, *, by: Caller) -> Secret:
    """Set or replace a secret. Raises Invalid."""
    if not NAME.fullmatch(name) or name.startswith("MUSTER_"):
        raise Invalid("must be the name of an environment variable, and not begin with MUSTER_", "name")
    if not value or len(value) > MAX_CHARS or "\0" in value or any(0xD800 <= ord(c) < 0xE000 for c in value):
        raise Invalid(f"must have 1 to {MAX_CHARS} characters, without NUL and lone surrogates", "value")
    with transaction.atomic():
        known = Secret.objects.filter(workspace_id=workspace_id)
        if known.count() >= MAX_SECRETS and not known.filter(name=name).exists():
            raise Invalid(f"A workspace may have at most {MAX_SECRETS} secrets", "name")
        row, fresh = Secret.objects.update_or_create(
            workspace_id=workspace_id, name=name, defaults={"sealed": seal(value, purpose=PURPOSE), "changed_by": by.name}
        )
        event = events.SecretSet(name=name) if fresh else events.SecretReplaced(name=name)
        activity.record(workspace_id, event, by=by, object_id=workspace_id)
        circuit_breaker.recovered(workspace_id)
        agent_checks.request(workspace_id)
    wake_ups.enqueue_cycle(workspace_id)
    return row


def remove(workspace_id: str, name: str, *, by: Caller) -> None:
    """Raises NotFound."""
    with transaction.atomic():
        deleted, _ = Secret.objects.filter(workspace_id=workspace_id, name=name).delete()
        if not deleted:
            raise NotFound("Secret not found")
        activity.record(workspace_id, events.SecretRemoved(name=name), by=by, object_id=workspace_id)
        agent_checks.request(workspace_id)


def for_agents(workspace_id: str) -> dict[str, str]:
    """Name to value, for an agent's environment. Raises Sealed."""
    return {name: value for name, value in _unsealed(workspace_id).items() if name not in MUSTERS_OWN}


def own(workspace_id: str, name: str) -> str:
    """The value of one of MUSTERS_OWN; empty where it is not set. Raises Sealed."""
    return _unsealed(workspace_id, name).get(name, "")


def _unsealed(workspace_id: str, *names: str) -> dict[str, str]:
    values = {}
    rows = Secret.objects.filter(workspace_id=workspace_id)
    for row in rows.filter(name__in=names) if names else rows:
        try:
            values[row.name] = unseal(row.sealed, purpose=PURPOSE)
        except Sealed:
            raise Sealed(f"The secret {row.name} was sealed with another MUSTER_SECRET_KEY: set it again") from None
    return values


class Mask:
    """Replaces known secrets in text that is stored or shown."""

    def __init__(self, secrets: Mapping[str, str], more: Mapping[str, str] | None = None) -> None:
        also = {name: value for name, value in (more or {}).items() if _SENSITIVE.search(name)}
        named = {part: name for name, value in {**also, **secrets}.items() for part in _parts(value)}
        self._names = named
        longest_first = sorted(named, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if named else None

    def __call__(self, text: str) -> str:
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: f"[secret {self._names[match.group()]}]", text)

    def names_in(self, text: str) -> list[str]:
        """The secrets that a text contains."""
        match: Iterable[str] = self._pattern.findall(text) if self._pattern else ()
        return sorted({self._names[value] for value in match})


def _parts(value: str) -> list[str]:
    """The parts of a value to mask: the whole value, and each long word of a key file, because logs show it line by line."""
    words = [word for word in value.split() if len(word) >= LONG_WORD] if "\n" in value.strip() else []
    return [part for part in {value, value.strip(), *words} if len(part) >= MIN_MASKED]


NO_MASK = Mask({})


def mask_for(workspace_id: str, env: Mapping[str, str]) -> Mask:
    """The mask of a workspace: its secrets, and values in its agent's env whose names look like secrets."""
    try:
        return Mask(_unsealed(workspace_id), env)
    except Sealed:
        return Mask({}, env)
