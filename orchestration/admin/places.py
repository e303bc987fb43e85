"""The admin site's "View on site" links: the page of Muster that shows an object.

A deleted workspace has no pages. A deleted entry has none either: its objects link to the list that shows them.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.urls import reverse

from budget import models as budget
from budget.events import CapThresholdPassed
from orchestration import models as work
from orchestration.models import Entry, Round, Session
from workspaces import models as workspaces
from workspaces.admin.base import places
from workspaces.models import Delivery, Membership, Workspace


def _page(name: str, workspace_id: str, *args: Any, query: dict[str, Any] | None = None, at: str = "") -> str:
    """The address of a page; none where the workspace is deleted."""
    if not Workspace.objects.filter(pk=workspace_id, deleted_at__isnull=True).exists():
        return ""
    address = reverse(name, args=[workspace_id, *args])
    return address + (f"?{urlencode(query)}" if query else "") + (f"#{at}" if at else "")


def _log(obj: Any) -> str:
    if obj.session.is_run:
        return _page("run", obj.session.workspace_id, obj.session_id)
    return _page("session-log", obj.session.workspace_id, obj.session_id, at=f"L{obj.first_seq}")


def _from(pk: int) -> dict[str, str]:
    """The query of a list, newest first, whose page begins with this row."""
    return {"after": f"{pk + 1}_{pk + 1}"}


def _entry(entry: Entry, tab: str = "") -> str:
    if entry.deleted_at is not None:
        return _page("activity", entry.workspace_id, query={"object": entry.pk})
    return _page("entry", entry.workspace_id, entry.pk, query={"tab": tab} if tab else None)


def _round(entry: Entry, number: int) -> str:
    if entry.deleted_at is not None or not Round.objects.filter(entry=entry, number=number).exists():
        return _entry(entry)
    return _page("round", entry.workspace_id, entry.pk, number)


def _account(account: budget.Account, tab: str) -> str:
    entry = Entry.objects.filter(account=account).first()
    return _entry(entry, tab) if entry else _page("budget", account.project_id)


def _spent_round(spend: budget.ModelSpend | budget.RoundSpend) -> str:
    entry = Entry.objects.filter(account=spend.account_id).first()
    return _round(entry, spend.number) if entry else _page("budget", spend.account.project_id)


def _hold(reservation: budget.Hold) -> str:
    """A session's hold links to the session, a permit to its entry or the budget."""
    if session_page := _session(reservation.project_id, reservation.session_ref):
        return session_page
    return _account(reservation.account, "budget") if reservation.account else _page("budget", reservation.project_id)


def _requests(row: budget.GatewayAccess | budget.GatewayRequest) -> str:
    """The requests of a session; those of a permit or a run have no page of their own."""
    session_page = _session(row.hold.project_id, row.session_ref)
    return f"{session_page}?tab=requests" if session_page else _hold(row.hold)


def _token(token: workspaces.ApiToken) -> str:
    """A session's token links to the session; a person's token is on the account page of its owner."""
    return _session(token.workspace_id, token.session_ref) if token.workspace_id else ""


def _session(workspace_id: str, session_id: str) -> str:
    known = session_id and Session.objects.filter(pk=session_id, workspace=workspace_id).exists()
    return _page("session", workspace_id, session_id) if known else ""


def _day(spend: budget.DaySpend) -> str:
    day = spend.day.isoformat()
    return _page("ledger", spend.project_id, query={"category": spend.category, "from": day, "to": day})


def _review(review: budget.Review) -> str:
    return _page("review", review.project_id, review.pk)


def _work(decided: work.Approval | work.ReviewComment) -> str:
    return _entry(decided.entry, tab="review")


def _member(user: User) -> str:
    membership = Membership.objects.filter(user=user, workspace__deleted_at__isnull=True).order_by("pk").first()
    return _page("members", membership.workspace_id, at=f"member-{membership.pk}") if membership else ""


places.update(
    {
        User: _member,
        Workspace: lambda obj: _page("settings", obj.pk),
        Membership: lambda obj: _page("members", obj.workspace_id, at=f"member-{obj.pk}"),
        workspaces.ApiToken: _token,
        workspaces.Event: lambda obj: _page("activity", obj.workspace_id, query=_from(obj.pk)),
        workspaces.Channel: lambda obj: _page("notices", obj.workspace_id, at=obj.pk),
        workspaces.ChannelVerb: lambda obj: _page("notices", obj.channel.workspace_id, at=obj.channel_id),
        workspaces.SavedView: lambda obj: _page("entries", obj.workspace_id, query=dict(parse_qsl(obj.query))),
        workspaces.Digest: lambda obj: _page("notices", obj.channel.workspace_id, at=obj.channel_id),
        Delivery: lambda obj: _page("notices", obj.channel.workspace_id, query={"channel": obj.channel_id}, at="log-h"),
        budget.Project: lambda obj: _page("budget", obj.pk, at="caps-h"),
        budget.Account: lambda obj: _account(obj, "budget"),
        budget.ModelSpend: _spent_round,
        budget.RoundSpend: _spent_round,
        budget.Hold: _hold,
        budget.GatewayAccess: _requests,
        budget.GatewayRequest: _requests,
        budget.Limit: lambda obj: _page("budget", obj.project_id, at="caps-h"),
        budget.DaySpend: _day,
        budget.UsageTotal: lambda obj: _page("insight", obj.project_id),
        work.OutcomeCount: lambda obj: _page("insight", obj.workspace_id),
        budget.ForecastRecord: lambda obj: _page("budget", obj.project_id),
        budget.ThresholdCrossing: lambda obj: _page("activity", obj.project_id, query={"verb": CapThresholdPassed.verb}),
        budget.LedgerEntry: lambda obj: _page("ledger", obj.project_id, query=_from(obj.pk), at=f"row-{obj.pk}"),
        budget.BudgetChange: lambda obj: _page("changes", obj.project_id, query=_from(obj.pk)),
        budget.Review: _review,
        budget.ReviewLine: lambda obj: _review(obj.review),
        budget.Proposal: lambda obj: _review(obj.review),
        budget.Comment: lambda obj: _review(obj.review),
        budget.Decision: lambda obj: _review(obj.review),
        work.Executor: lambda obj: _page("executor-page", obj.pk),
        Entry: _entry,
        work.Dependency: lambda obj: _entry(obj.entry, "deps"),
        Session: lambda obj: _page("session", obj.workspace_id, obj.pk),
        work.Run: lambda obj: _page("run", obj.session.workspace_id, obj.pk),
        work.Proposal: lambda obj: _page("run", obj.run.session.workspace_id, obj.run_id),
        Round: lambda obj: _round(obj.entry, obj.number),
        work.AgentCheck: lambda row: _page("agent", row.pk),
        work.Credential: lambda row: _page("agent", row.workspace_id),
        work.ProviderBreaker: lambda row: _page("agent", row.workspace_id),
        work.TreeVerdict: lambda row: _page("landing", row.workspace_id),
        work.Integration: lambda row: _page("landing", row.pk),
        work.IntegrationCommit: lambda row: _page("landing", row.workspace_id),
        work.Landing: lambda row: _page("landing", row.workspace_id),
        work.Message: lambda row: _entry(row.entry, "talk"),
        work.PullRequest: lambda row: _entry(row.entry),
        work.ForgeDelivery: lambda row: _page("landing", row.workspace_id),
        work.IssueEntry: lambda row: _entry(row.entry),
        work.Trigger: lambda row: _page("activity", row.workspace_id),
        work.Firing: lambda row: _entry(row.entry) if row.entry else _page("activity", row.trigger.workspace_id),
        work.Question: lambda row: _entry(row.entry, "talk"),
        work.Approval: _work,
        work.ReviewComment: _work,
        work.FileLock: lambda obj: _page("locks", obj.workspace_id, query={"entry": obj.entry_id}),
        work.LogChunk: _log,
        work.Conversation: lambda obj: (
            _entry(obj.entry, "history") if obj.run is None else _page("run", obj.run.workspace_id, obj.run_id)
        ),
        work.Secret: lambda obj: _page("agent", obj.workspace_id),
    }
)
