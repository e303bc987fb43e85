"""The token that a worker shows to the host that serves a repository: signed with the key that all hosts share, for one workspace, the refs
that it may move there, and some minutes.

It stays in the environment of the git process that uses it: no session ever gets it. Its time is the database's: clocks of hosts differ.
"""

from collections.abc import Collection

from django.core import signing

from orchestration.models import sql_dialect

SALT = "muster.worker.git"
VALID_S = 300
NOTHING = ""


def header(workspace_id: str, scope: str = "refs/muster/") -> str:
    """The HTTP header for one git command. `scope`: the ref that it may move, all under it where it ends with a slash, or NOTHING: it only
    reads."""
    return f"Authorization: Bearer {signing.dumps([workspace_id, scope, sql_dialect.database_time()], salt=SALT)}"


def scope_of(authorization: str, workspace_id: str) -> str | None:
    """The refs that a request with this `Authorization` may move. None: it comes from no worker of this workspace."""
    scheme, _, token = authorization.partition(" ")
    try:
        known, scope, at = signing.loads(token, salt=SALT)
        is_valid = scheme.lower() == "bearer" and known == workspace_id and sql_dialect.database_time() - at < VALID_S
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(scope) if is_valid else None


def covers(scope: str, refs: Collection[str]) -> bool:
    """True if all these refs may be moved."""
    return all(ref == scope or (scope.endswith("/") and ref.startswith(scope)) for ref in refs)
