"""Caps, limits, budgets and tokens compared with the records of who set them. Every verb writes both in one transaction: a difference
means that somebody wrote the row without Muster.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from budget import amounts
from budget.models import Account, BudgetChange, Limit, Project
from orchestration.models import Session
from workspaces.activity.events import TokenCreated, TokenRevoked
from workspaces.models import ApiToken, Event, Role, Workspace

_Changes = dict[tuple[str, str], list[tuple[int | None, int | None]]]
"""(account or "", field) to (before, after) of its changes, oldest first."""
PROJECT_FIELDS = ("max_project_spend", "total_budget")
SESSION_ROLE = Role.VIEWER
PARALLEL = timedelta(minutes=1)  # a workspace that was being made meanwhile did not see the token


def amounts_without_record(workspace_id: str) -> Iterator[str]:
    """A line for each amount that differs from what its changes say, and for each gap between two changes."""
    changes: _Changes = defaultdict(list)
    rows = BudgetChange.objects.filter(project_id=workspace_id).exclude(field="human_locked").order_by("id")
    for account, field, before, after in rows.values_list("account_id", "field", "before", "after"):
        changes[account or "", field].append((before, after))
    project = Project.objects.get(pk=workspace_id)
    opened = {"max_project_spend": project.opened_with_cap, "total_budget": project.opened_with_budget}
    for field in PROJECT_FIELDS:
        yield from _compared(f"project: {field}", getattr(project, field), changes.pop(("", field), []), opened[field])
    budgets = Account.objects.filter(project_id=workspace_id).order_by("id").values_list("pk", "budget", "opened_with")
    for pk, budget, first in budgets.iterator(chunk_size=2000):
        yield from _compared(f"account {pk}: budget", budget, changes.pop((pk, "budget"), []), first)
    limits = {f"limit.{limit.category}.{limit.period}": limit.amount for limit in Limit.objects.filter(project_id=workspace_id)}
    for name in sorted(limits.keys() | {field for account, field in changes if not account}):
        of_limit = changes.get(("", name), [])
        if of_limit or name in limits:
            yield from _compared(f"project: {name}", limits.get(name), of_limit or [(None, None)], None)


def known_from(workspace_id: str) -> Iterator[str]:
    """A line where an upgrade recorded the first amounts: SQL that changed one before left no trace."""
    since = Project.objects.values_list("known_since", flat=True).get(pk=workspace_id)
    if since is not None:
        yield f"project: caps and budgets without a change are known from {since:%F %T} UTC on, when an upgrade recorded them"


def _compared(name: str, stored: int | None, changes: list[tuple[int | None, int | None]], opened: int | None) -> Iterator[str]:
    """`opened`: the amount at the beginning; None: unknown, as for what an older version made."""
    known = changes[0][0] if changes and opened is None else opened
    for before, after in changes:
        if before != known:
            yield f"{name} was changed from {_usd(known)} to {_usd(before)} without a record"
        known = after
    if (changes or opened is not None) and stored != known:
        yield f"{name} is {_usd(stored)}, its last record says {_usd(known)}"


def tokens_without_record() -> Iterator[str]:
    """A line for each live API token that no line of activity made, or that allows more than its line says."""
    by_prefix: dict[str, list[Event]] = defaultdict(list)
    for event in Event.objects.filter(verb__in=[TokenCreated.verb, TokenRevoked.verb]).order_by("id"):
        by_prefix[event.object_id].append(event)
    live = ApiToken.objects.filter(revoked_at__isnull=True).order_by("pk")
    for token in live.filter(session_ref=""):
        events = by_prefix.get(token.prefix, [])
        created = [event for event in events if event.verb == TokenCreated.verb]
        if not created and _places(token):
            yield f"token {token.prefix}… ({token.name}, {token.role}): no line of activity says who made it"
        elif created and not any(event.data.get("role") == token.role for event in created):
            yield f"token {token.prefix}… ({token.name}): it is {token.role} now, and was made as {created[-1].data.get('role')}"
        elif created and not token.stands_for_owner and _places(token, PARALLEL) - {event.workspace_id for event in created}:
            yield f"token {token.prefix}… ({token.name}): it is for other workspaces now than it was made for"
        elif len(events) > len(created):
            yield f"token {token.prefix}… ({token.name}): it was revoked, and is alive again"
    for token in live.exclude(session_ref=""):
        session = Session.of_any_role.filter(pk=token.session_ref).first()
        if session is None or session.workspace_id != token.workspace_id or token.role != SESSION_ROLE:
            yield f"token {token.prefix}… ({token.name}, {token.role}): it names the session {token.session_ref}, and is none of it"
        elif session.status == Session.Status.ENDED:
            yield f"token {token.prefix}… ({token.name}): it is alive, and its session {session.pk} has ended"


def _places(token: ApiToken, older_by: timedelta = timedelta(0)) -> set[str]:
    """The workspaces whose activity the token's making is in. A token of all that is older than each of them is in none."""
    if token.workspace_id:
        return {token.workspace_id}
    alive = Q(deleted_at__isnull=True) | Q(deleted_at__gt=token.created_at)
    return set(Workspace.objects.filter(alive, created_at__lte=token.created_at - older_by).values_list("pk", flat=True))


def _usd(amount: int | None) -> str:
    return "none" if amount is None else amounts.format_usd(amount, places=6)
