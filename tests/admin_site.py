"""The admin site for tests: a superuser, a database with something in every table, and an action's two steps."""

import re
from typing import Any

from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.forecast import record as forecasts
from budget.ledger import requests
from budget.ledger.requests import Bounded
from budget.limits import caps
from budget.models import Category, Decision, Hold, LedgerEntry, Limit, Proposal, ThresholdCrossing
from budget.reviews import comments, drafting
from config import urls  # noqa: F401  (registers the models)
from orchestration.backlog import entries
from orchestration.models import (
    AgentCheck,
    Approval,
    Backup,
    Conversation,
    Credential,
    Dependency,
    Entry,
    FileLock,
    Firing,
    ForgeDelivery,
    Integration,
    IntegrationCommit,
    IssueEntry,
    Landing,
    LogChunk,
    Message,
    ProviderBreaker,
    PullRequest,
    Question,
    ReviewComment,
    Round,
    Run,
    Secret,
    Session,
    TreeVerdict,
    Trigger,
)
from orchestration.models import Proposal as Suggested
from orchestration.proposals.kinds.schema import AnsweredEntry
from tests.factories import ANA, a_channel, a_review, a_worker, a_workspace, blocked_event, project
from workspaces import activity, people
from workspaces.models import Delivery, Digest, Passkey, RecoveryCode, Role, SecondFactor, Workspace
from workspaces.people import devices, members, queue_marks, saved_views, throttle, tokens

BOSS = "boss"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def a_superuser() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser(BOSS, password="x" * 12))
    return client


def seed(count: int, *, text: str = "Do it", cap: str = "1000") -> Workspace:
    """A workspace with `count` rows in every table that has rows of its own. Entries are in progress, with an open session each."""
    workspace = a_workspace(cap=cap, name=f"Shop {text}"[:200])
    created = entries.add(
        workspace.pk,
        [entries.Draft(f"{text} {n}", budget=usd(5), parallel_group=text[:90], assigned_to=text) for n in range(count)],
        by=ANA,
    )
    for n, entry in enumerate(created):
        worker = a_worker()
        hold = Hold.objects.create(
            project=project(workspace), account=entry.account, session_ref=f"s{entry.pk}"[:40], amount=usd(1)
        )
        session = Session.objects.create(
            workspace=workspace, entry=entry, attempt=1, status="running", hold=hold, worker=worker, host="far", progress=text,
            model=text, agent=text[:30],
        )  # fmt: skip
        Round.objects.create(entry=entry, session=session, number=1, summary=text, findings=[text], prompt=text)
        verdict = TreeVerdict.objects.create(
            workspace=workspace, tree=f"tree{n}", checks_hash="hash", commit=f"commit{n}", kind="round", passed=True,
            checks=[{"name": text, "passed": True}], by=text,
        )  # fmt: skip
        landed = IntegrationCommit.objects.create(
            workspace=workspace, state="done", old="old", new=f"new{n}", tree=f"tree{n}", subject=text[:300], verdict=verdict
        )
        Landing.objects.create(
            workspace=workspace, entry=entry, commit=f"commit{n}", state="landed", intent=landed, message=text, by=text
        )
        Approval.objects.create(entry=entry, commit=f"commit{n}", by=text[:200])
        ReviewComment.objects.create(entry=entry, commit=f"commit{n}", path=text, text=text, by=text[:200])
        ForgeDelivery.objects.create(workspace=workspace, key=f"{n:064}", event=text[:100])
        trigger = Trigger.objects.create(
            workspace=workspace, name=text[:100], schedule="0 3 * * *", template={"content": text}, firing_budget=usd(1)
        )
        Firing.objects.create(trigger=trigger, key=text[:200], month="2026-12", entry=entry, fired_by=text[:200])
        IssueEntry.objects.create(workspace=workspace, entry=entry, issue=f"{n}{text}"[:100], number=n, url=text[:500])
        Backup.objects.create(host=text[:200], is_whole=bool(n % 2))
        PullRequest.objects.create(
            workspace=workspace,
            entry=entry,
            state="closed",
            branch=text[:200],
            base="main",
            head=f"{n:040}",
            forge_id=str(n),
            number=n,
            message=text[:500],
            ended_by=text[:200],
        )
        Message.objects.create(entry=entry, session=session, text=text, sent_by=text[:200])
        planning = Session.of_any_role.create(
            workspace=workspace,
            role="plan",
            attempt=1,
            status="ended",
            outcome="passed",
            worker=worker,
            host="far",
            agent=text[:30],
        )
        Question.objects.create(
            workspace=workspace,
            entry=entry,
            session=planning,
            name=f"1-{n}",
            text=text,
            answer=text,
            answered_by=text,
            answered_at=now(),
        )
        run = Run.objects.create(session=planning, goal=text, requested_by=text[:200], answer=text, problems=[text])
        Suggested.objects.create(
            run=run, number=1, after=AnsweredEntry(content=text).model_dump(mode="json"), reason=text[:500], note=text[:500]
        )
        Conversation.objects.create(entry=session.entry, role="implement", kind="codex", thread_id=f"thread-{session.pk}")
        LogChunk.objects.create(session=session, first_seq=0, lines=[[0, "stdout", text]], size=len(text))
        FileLock.objects.create(workspace=workspace, entry=entry, path=f"src/{n}/{text}".replace("/script", "script"))
        what = ledger.Charge(f"e{entry.pk}", usd("0.25"), LedgerEntry.PriceSource.REPORTED, model=text)
        ledger.charge(
            project(workspace), what, account=entry.account, reservation=hold, session_ref=session.pk, round_number=1, actor=text
        )
        access = requests.open_access(
            hold,
            role="implement",
            category=Category.ENTRY,
            upstreams={"anthropic": {"credential": text}},
            agent=text[:30],
            model=text[:200],
        )
        bounded = Bounded("anthropic", text[:200], usd("0.1"), credential=text[:200])
        requests.refuse(access, bounded, gateway=text[:60], reason=text, status=402)
        caps.edit(entry.account, usd(6), by=ANA, reason=text)
        tokens.create(f"{text} {n}", workspace=workspace, by=text)
        user = get_user_model().objects.create_user(f"user{n}{workspace.pk}", first_name=text[:100])
        factor = SecondFactor.objects.create(user=user, sealed_key=b"sealed", confirmed_at=now())
        RecoveryCode.objects.create(factor=factor, digest="digest")
        key = f"{user.pk}".encode()
        Passkey.objects.create(factor=factor, name=text[:60], credential_id=key, public_key=b"key", host=text[:253])
        members.add(workspace, user, Role.VIEWER, by=ANA, reason=text)
        people.save_preferences(user, time_zone="Europe/Berlin")
        queue_marks.read(user, [f"{text} {n}"[:200]])
        if n < saved_views.MAX_VIEWS:
            saved_views.save(workspace, f"{text[:50]} {n}", "status=ready", by=ANA)
        throttle.count_try(text, f"10.0.0.{n}")
        devices.begin(text, "10.0.0.1")
        channel = a_channel(workspace, f"{text} {n}"[:200])
        activity.record(workspace.pk, blocked_event(), by=ANA, object_id=entry.pk, reason=text)
        Delivery.objects.filter(channel=channel).update(answer=text)
        Digest.objects.create(channel=channel, frequency="daily", hour=8, time_zone=text[:64], due_at=now())
        wish = drafting.Wish(Proposal.Field.BUDGET, usd(9), text, entry.pk)
        review = a_review(workspace, wish, by=ANA)
        comments.add(review, text, by=ANA, entry_id=entry.pk)
        review = drafting.request(review, by=ANA)
        Decision.objects.create(review=review, version=1, reviewer=text, verdict="approve", note=text)
    Limit.objects.create(project=project(workspace), category="total", period="day", amount=usd(500))
    ThresholdCrossing.objects.create(project=project(workspace), percent=7, cap=usd(100), spent=usd(7))
    forecasts.refresh(workspace.pk)
    AgentCheck.objects.create(workspace=workspace, ok=False, message=text, host=text[:200])
    Integration.objects.create(workspace=workspace, state="red", tip="tip", message=text, phase=text[:200])
    Credential.objects.create(workspace=workspace, name=text[:200], changed_by=text)
    ProviderBreaker.objects.create(workspace=workspace, credential=text[:200], code="auth", message=text)
    Secret.objects.create(workspace=workspace, name=text[:100], sealed=b"sealed", changed_by=text)
    Entry.objects.filter(workspace=workspace).update(status="in_progress", attempts=1)
    if count > 1:
        Dependency.objects.bulk_create(Dependency(entry=row, depends_on=created[0]) for row in created[1:])
        Entry.objects.filter(workspace=workspace).exclude(pk=created[0].pk).update(parked_behind=created[0], unmet_dependencies=1)
    return workspace


def url(model: Any, page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=[quote(arg) for arg in args])


def dry_run(client: Client, model: Any, action: str, *ids: Any, **answers: Any) -> HttpResponse:
    """The action's page; with answers, as its own button asks for it."""
    data = {"action": action, "_selected_action": ids, **answers}
    if answers:
        data["step"] = "look"
    return client.post(url(model), data)  # type: ignore[return-value]


def apply(client: Client, model: Any, action: str, *ids: Any, shown: HttpResponse, **answers: Any) -> HttpResponse:
    """Press Apply on a page that was shown."""
    data = {"action": action, "_selected_action": ids, "step": "apply", "seen": seen(shown), **answers}
    return client.post(url(model), data)  # type: ignore[return-value]


def seen(shown: HttpResponse) -> str:
    text = shown.content.decode()
    assert re.search(r'name="action" value="\w+"', text)
    rows = re.search(r'name="seen" value="(\w+)"', text)
    return rows[1] if rows else ""


def message_of(response: HttpResponse) -> str:
    """The messages that the next page will show."""
    return " ".join(str(message) for message in response.wsgi_request._messages)  # type: ignore[attr-defined]
