"""Where an object of the admin site is seen on Muster's own pages: "View on site". Filled in here, where the pages are known.

A deleted workspace has no pages, and an entry that was taken off the backlog has none; what belonged to it leads to the list it stands in.
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.urls import reverse

from budget.events import CapThresholdPassed
from budget.models import (
    Account,
    BudgetChange,
    Comment,
    DaySpend,
    Decision,
    Hold,
    LedgerEntry,
    Limit,
    Project,
    Proposal,
    Review,
    ReviewLine,
    RoundSpend,
    ThresholdCrossing,
)
from orchestration.models import Conversation, Dependency, Entry, Executor, FileLock, LogChunk, Round, Secret, Session
from workspaces.admin.base import places
from workspaces.models import ApiToken, Channel, ChannelVerb, Delivery, Event, Membership, Workspace


def _page(name: str, workspace_id: str, *args: Any, query: dict[str, Any] | None = None, at: str = "") -> str:
    """The address of a page; none where the workspace is deleted."""
    if not Workspace.objects.filter(pk=workspace_id, deleted_at__isnull=True).exists():
        return ""
    address = reverse(name, args=[workspace_id, *args])
    return address + (f"?{urlencode(query)}" if query else "") + (f"#{at}" if at else "")


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


def _of_account(account: Account, tab: str) -> str:
    entry = Entry.objects.filter(account=account).first()
    return _entry(entry, tab) if entry else _page("budget", account.project_id)


def _spent_round(spend: RoundSpend) -> str:
    entry = Entry.objects.filter(account=spend.account_id).first()
    return _round(entry, spend.number) if entry else _page("budget", spend.account.project_id)


def _hold(hold: Hold) -> str:
    """Its session; a permit has no page, but what it is for has."""
    if found := _session(hold.project_id, hold.session_ref):
        return found
    return _of_account(hold.account, "budget") if hold.account else _page("budget", hold.project_id)


def _token(token: ApiToken) -> str:
    """That of a session is seen with its session; those of people are on the account's page of who made them."""
    return _session(token.workspace_id, token.session_ref) if token.workspace_id else ""


def _session(workspace_id: str, session_id: str) -> str:
    known = session_id and Session.objects.filter(pk=session_id, workspace=workspace_id).exists()
    return _page("session", workspace_id, session_id) if known else ""


def _day(spend: DaySpend) -> str:
    day = spend.day.isoformat()
    return _page("ledger", spend.project_id, query={"category": spend.category, "from": day, "to": day})


def _review(review: Review) -> str:
    return _page("review", review.project_id, review.pk)


def _member(user: User) -> str:
    membership = Membership.objects.filter(user=user, workspace__deleted_at__isnull=True).order_by("pk").first()
    return _page("members", membership.workspace_id, at=f"member-{membership.pk}") if membership else ""


places.update(
    {
        User: _member,
        Workspace: lambda one: _page("settings", one.pk),
        Membership: lambda one: _page("members", one.workspace_id, at=f"member-{one.pk}"),
        ApiToken: _token,
        Event: lambda one: _page("activity", one.workspace_id, query=_from(one.pk)),
        Channel: lambda one: _page("notices", one.workspace_id, at=one.pk),
        ChannelVerb: lambda one: _page("notices", one.channel.workspace_id, at=one.channel_id),
        Delivery: lambda one: _page("notices", one.channel.workspace_id, query={"channel": one.channel_id}, at="log-h"),
        Project: lambda one: _page("budget", one.pk, at="caps-h"),
        Account: lambda one: _of_account(one, "budget"),
        RoundSpend: _spent_round,
        Hold: _hold,
        Limit: lambda one: _page("budget", one.project_id, at="caps-h"),
        DaySpend: _day,
        ThresholdCrossing: lambda one: _page("activity", one.project_id, query={"verb": CapThresholdPassed.verb}),
        LedgerEntry: lambda one: _page("ledger", one.project_id, query=_from(one.pk), at=f"row-{one.pk}"),
        BudgetChange: lambda one: _page("changes", one.project_id, query=_from(one.pk)),
        Review: _review,
        ReviewLine: lambda one: _review(one.review),
        Proposal: lambda one: _review(one.review),
        Comment: lambda one: _review(one.review),
        Decision: lambda one: _review(one.review),
        Executor: lambda one: _page("executor-page", one.pk),
        Entry: _entry,
        Dependency: lambda one: _entry(one.entry, "deps"),
        Session: lambda one: _page("session", one.workspace_id, one.pk),
        Round: lambda one: _round(one.entry, one.number),
        FileLock: lambda one: _page("locks", one.workspace_id, query={"entry": one.entry_id}),
        LogChunk: lambda one: _page("session-log", one.session.workspace_id, one.session_id, at=f"L{one.first_seq}"),
        Conversation: lambda one: _entry(one.entry, "history"),
        Secret: lambda one: _page("agent", one.workspace_id),
    }
)
