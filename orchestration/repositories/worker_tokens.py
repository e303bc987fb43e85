"""What a worker shows to the host that serves a repository: signed with the key that all hosts share, for one workspace and some minutes.

It stays in the environment of the git process that uses it: no session ever gets it.
"""

from django.core import signing

SALT = "muster.worker.git"
VALID_S = 300


def header(workspace_id: str) -> str:
    """The HTTP header for one git command."""
    return f"Authorization: Bearer {signing.dumps(workspace_id, salt=SALT)}"


def is_valid(authorization: str, workspace_id: str) -> bool:
    """Whether a request's `Authorization` is a worker's, for this workspace."""
    scheme, _, token = authorization.partition(" ")
    try:
        return scheme.lower() == "bearer" and bool(signing.loads(token, salt=SALT, max_age=VALID_S) == workspace_id)
    except signing.BadSignature:
        return False
