"""The people who may decide about work that waits for approval."""

from orchestration.configuration import Approve
from workspaces.access import Caller
from workspaces.errors import Forbidden


def refuse_agents(by: Caller) -> None:
    """An agent decides about no work, least of all its own. Raises Forbidden."""
    if by.session_ref:
        raise Forbidden("The token of an agent may not decide about work: a person does")


def check(by: Caller, rules: Approve) -> None:
    """Raises Forbidden where the config names others. The caller's role was checked when the entry was found."""
    refuse_agents(by)
    if rules.approvers and person(by) not in rules.approvers:
        raise Forbidden(f"In this workspace, only {', '.join(rules.approvers[:10])} may decide about work that waits")


def person(by: Caller) -> str:
    """The user name of a person, also behind a token of theirs; empty for any other token."""
    user = by.user or (by.token.owner if by.token else None)
    return str(user.get_username()) if user else ""
