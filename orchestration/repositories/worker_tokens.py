"""What a worker shows to the host that serves a repository: signed with the key that all hosts share, for one workspace, what it may move there,
and some minutes. It stays in the environment of the git process that uses it: no session ever gets it."""

from collections.abc import Collection

from django.core import signing

SALT = "muster.worker.git"
VALID_S = 300
NOTHING = ""


def header(workspace_id: str, scope: str = "refs/muster/") -> str:
    """The HTTP header for one git command. `scope`: the ref that it may move, all under it where it ends with a slash, or NOTHING: it only
    reads."""
    return f"Authorization: Bearer {signing.dumps([workspace_id, scope], salt=SALT)}"


def scope_of(authorization: str, workspace_id: str) -> str | None:
    """What a request with this `Authorization` may move. None: it is no worker's of this workspace."""
    scheme, _, token = authorization.partition(" ")
    try:
        signed = signing.loads(token, salt=SALT, max_age=VALID_S) if scheme.lower() == "bearer" else None
    except signing.BadSignature:
        return None
    if not isinstance(signed, list) or len(signed) != 2 or signed[0] != workspace_id:
        return None
    return str(signed[1])


def covers(scope: str, refs: Collection[str]) -> bool:
    """Whether all these refs may be moved."""
    return all(ref == scope or (scope.endswith("/") and ref.startswith(scope)) for ref in refs)
