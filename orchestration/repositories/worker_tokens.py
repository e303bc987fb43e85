"""What a worker shows to the host that serves a repository: signed with the key that all hosts share, for one workspace and some minutes.

It stays in the environment of the git process that uses it: no session ever gets it. Its time is the database's: clocks of hosts differ.
"""

from django.core import signing

from orchestration.models import sql_dialect

SALT = "muster.worker.git"
VALID_S = 300


def header(workspace_id: str) -> str:
    """The HTTP header for one git command."""
    token = signing.dumps([workspace_id, sql_dialect.database_time()], salt=SALT)
    return f"Authorization: Bearer {token}"


def is_valid(authorization: str, workspace_id: str) -> bool:
    """Whether a request's `Authorization` is a worker's, for this workspace."""
    scheme, _, token = authorization.partition(" ")
    try:
        known, at = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return False
    return scheme.lower() == "bearer" and known == workspace_id and sql_dialect.database_time() - at < VALID_S
