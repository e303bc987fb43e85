"""The files of a workspace that git ignores: sealed with the server's key, opened only for its clones and for masks."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet, Sum

from workspaces import activity
from workspaces.access import Caller
from workspaces.activity import events
from workspaces.errors import Invalid, NotFound
from workspaces.files import dotenv, paths
from workspaces.models import IgnoredFile, Workspace
from workspaces.models.files import MAX_BYTES
from workspaces.secrets import masking
from workspaces.secrets.sealing import Sealed, seal, unseal

__all__ = ["Bundle", "Sealed"]

PURPOSE = "muster ignored files 1"
MAX_FILES = 50
MAX_MASKED = 500  # each is looked for in every line of a log


@dataclass(frozen=True)
class Bundle:
    """All files of a workspace. `digest`: of their paths and contents; empty without files."""

    digest: str = ""
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def put(workspace_id: str, path: str, content: bytes, *, by: Caller) -> IgnoredFile:
    """Add or replace a file. Raises Invalid."""
    path = _parsed(path)
    if len(content) > MAX_BYTES:
        raise Invalid(f"may have at most {MAX_BYTES // 1024} KiB", "content")
    masked = len(dotenv.values(path, content))
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace_id)  # two at once would exceed the bounds
        others = of(workspace_id).exclude(path=path)
        if others.count() >= MAX_FILES:
            raise Invalid(f"A workspace may have at most {MAX_FILES} files", "path")
        if masked + (others.aggregate(sum=Sum("masked"))["sum"] or 0) > MAX_MASKED:
            raise Invalid(f"The files of a workspace may have at most {MAX_MASKED} values that are masked", "content")
        row, fresh = IgnoredFile.objects.update_or_create(
            workspace_id=workspace_id,
            path=path,
            defaults={
                "sealed": seal(base64.b64encode(content).decode(), purpose=PURPOSE),
                "size": len(content),
                "digest": hashlib.sha256(content).hexdigest(),
                "masked": masked,
                "changed_by": by.name,
            },
        )
        event = events.FileAdded(path=path) if fresh else events.FileReplaced(path=path)
        activity.record(workspace_id, event, by=by, object_id=workspace_id)
    return row


def remove(workspace_id: str, path: str, *, by: Caller) -> None:
    """Raises NotFound."""
    try:
        path = _parsed(path)
    except Invalid:
        raise NotFound("File not found") from None
    with transaction.atomic():
        if not of(workspace_id).filter(path=path).delete()[0]:
            raise NotFound("File not found")
        activity.record(workspace_id, events.FileRemoved(path=path), by=by, object_id=workspace_id)


def of(workspace_id: str) -> QuerySet[IgnoredFile]:
    """In the order of their paths."""
    return IgnoredFile.objects.filter(workspace_id=workspace_id).order_by("path")


def digest_of(workspace_id: str) -> str:
    """The digest of the bundle, without opening it. One query."""
    return _digest(of(workspace_id).values_list("path", "digest"))


def read(workspace_id: str) -> Bundle:
    """All files, opened. One query. Raises Sealed."""
    rows = list(of(workspace_id))
    return Bundle(_digest((row.path, row.digest) for row in rows), {row.path: _opened(row) for row in rows})


def masked_values(workspace_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Values to mask, by a name that says where each stands: first those that no work may contain, by their key or by a password in an
    address; then the ordinary ones, such as the name of a host. Files sealed with another key are left out. One query."""
    secret, ordinary = dict[str, str](), dict[str, str]()
    for row in of(workspace_id).filter(masked__gt=0):
        try:
            pairs = dotenv.values(row.path, _opened(row))
        except Sealed:
            continue
        for key, value in pairs:
            password = masking.of_url(value)
            kind = secret if password or masking.is_sensitive(key) else ordinary
            name = f"{key} of {row.path}"
            for each in (value, *password.values()):
                kind[name if name not in {*secret, *ordinary} else f"{name} ({len(secret) + len(ordinary)})"] = each
    return secret, ordinary


def _parsed(path: str) -> str:
    try:
        return paths.parsed(path)
    except ValueError as problem:
        raise Invalid(str(problem), "path") from None


def _opened(row: IgnoredFile) -> bytes:
    try:
        return base64.b64decode(unseal(row.sealed, purpose=PURPOSE))
    except Sealed:
        raise Sealed(f"The file {row.path} was sealed with another MUSTER_SECRET_KEY: put it again") from None


def _digest(rows: Iterable[tuple[str, str]]) -> str:
    pairs = sorted(rows)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest() if pairs else ""
