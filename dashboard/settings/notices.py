"""The page of notices: where they go, a test that truly sends, and the log of what was sent."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST

from budget.reads import csv_export
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import checked
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, show
from dashboard.shared.responses import confirm, done
from dashboard.shared.team_forms import ChannelForm, LogForm, NewChannelForm, fitting
from workspaces.access import Need
from workspaces.activity import events
from workspaces.models import Channel
from workspaces.notices import channels, deliveries, schemas, sending
from workspaces.notices.channels import ChannelSettings

PER_PAGE = 50
MOST_IN_SHEET = 10_000


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("csv") == "deliveries":
        return _sheet(page_request)
    return _page(page_request)


@require_POST
@in_workspace(Need.ADMIN)
def add(page_request: PageRequest) -> HttpResponse:
    """A webhook's secret is in this answer and nowhere else: not in a message, which would go through a cookie."""
    said = checked(NewChannelForm(page_request.request.POST))
    wanted = ChannelSettings(name=said["name"], target=said["target"], verbs=said["verbs"])
    made, secret = channels.create(page_request.workspace, Channel.Kind(said["kind"]), wanted, by=page_request.caller)
    if not secret:
        return done(page_request, f"{made.name} is made: press Test to see that it works")
    return _page(page_request, made=made, secret=secret)


@require_POST
@in_workspace(Need.ADMIN)
def act(page_request: PageRequest, channel_id: str, verb: str) -> HttpResponse:
    channel = channels.channel_for(page_request.workspace.pk, channel_id)
    if verb == "secret":
        row, secret = channels.change(channel, ChannelSettings(new_secret=True), by=page_request.caller)
        return _page(page_request, made=row, secret=secret)
    if verb == "test":
        return _test(page_request, channel)
    if verb == "remove" and not confirmation.is_confirmed(page_request, "channel-remove", channel.pk):
        return confirm(
            page_request,
            title=f"Remove {channel.name}",
            sentence="Nothing goes there any more, and its log of deliveries goes with it.",
            button="Remove it",
            action=page_request.request.path,
            fields={"confirm": confirmation.token(page_request, "channel-remove", channel.pk)},
        )
    return done(page_request, ACTS[verb](page_request, channel))


@require_POST
@in_workspace(Need.ADMIN)
def retry(page_request: PageRequest, delivery_id: str) -> HttpResponse:
    delivery = deliveries.retry(page_request.workspace.pk, delivery_id, by=page_request.caller)
    answer = sending.attempt(delivery.pk)
    if answer is None:
        return done(page_request, "It is on its way")
    return done(page_request, _how(answer.ok, answer.status, answer.took_ms, answer.text), tone="good" if answer.ok else "bad")


def _test(page_request: PageRequest, channel: Channel) -> HttpResponse:
    sent = sending.test(channel)
    ok = sent.state == "delivered"
    return done(
        page_request,
        f"Test of {channel.name}: {_how(ok, sent.status, sent.took_ms or 0, sent.answer)}",
        tone="good" if ok else "bad",
    )


def _how(ok: bool, status: int | None, took_ms: int, text: str) -> str:
    said = f"status {status}, {took_ms} ms" if status else f"{took_ms} ms"
    shown = f": {text[:200]}" if text else ""
    return f"{'delivered' if ok else 'not delivered'} ({said}){shown}"


def _edit(page_request: PageRequest, channel: Channel) -> str:
    said = checked(ChannelForm(page_request.request.POST))
    row, _ = channels.change(channel, ChannelSettings(said["name"], said["target"], said["verbs"]), by=page_request.caller)
    return f"{row.name} is saved"


def _on(page_request: PageRequest, channel: Channel) -> str:
    channels.change(channel, ChannelSettings(enabled=True), by=page_request.caller)
    return f"{channel.name} is on"


def _off(page_request: PageRequest, channel: Channel) -> str:
    channels.change(channel, ChannelSettings(enabled=False), by=page_request.caller)
    return f"{channel.name} is off: what waited for it was dropped"


def _remove(page_request: PageRequest, channel: Channel) -> str:
    channels.remove(channel, by=page_request.caller)
    return f"{channel.name} is removed, with its log"


ACTS: dict[str, Callable[[PageRequest, Channel], str]] = {"edit": _edit, "on": _on, "off": _off, "remove": _remove}


def _page(page_request: PageRequest, *, made: Channel | None = None, secret: str = "") -> HttpResponse:
    whole = page_request.may(Need.ADMIN)
    chosen = fitting(LogForm(page_request.request.GET))
    before = int(chosen["before"]) if chosen["before"] else None
    rows, following = deliveries.page(
        page_request.workspace.pk, limit=PER_PAGE, before=before, channel=chosen["channel"], state=chosen["state"]
    )
    return show(
        page_request,
        "settings/notices.html",
        HEADER,
        tab="notices",
        may_admin=whole,
        made=made,
        secret=secret,
        channels=[_channel(row, whole=whole) for row in channels.list_all(page_request.workspace.pk)],
        deliveries=[{"row": row, "told": schemas.delivery(row, whole=whole)} for row in rows],
        following=following,
        chosen=chosen,
        states=LogForm.base_fields["state"].choices,  # type: ignore[attr-defined]
        all_verbs=[{"verb": verb, "words": words, "on": False} for verb, words in events.notices().items()],
        no_mail=not settings.EMAIL_HOST,
        page_url=reverse("notices", args=[page_request.workspace.pk]),
    )


def _channel(row: Channel, *, whole: bool) -> dict[str, Any]:
    mine = {one.verb for one in row.verbs.all()}
    return {
        "row": row,
        "target": channels.shown_target(row, whole=whole),
        "verbs": [{"verb": verb, "words": words, "on": verb in mine} for verb, words in events.notices().items()],
        "told": [words for verb, words in events.notices().items() if verb in mine],
    }


def _sheet(page_request: PageRequest) -> HttpResponseBase:
    whole = page_request.may(Need.ADMIN)
    rows, _ = deliveries.page(page_request.workspace.pk, limit=MOST_IN_SHEET)
    columns = list(schemas.DeliveryOut.model_fields)
    told = (schemas.delivery(row, whole=whole) for row in rows)
    return csv_export.respond(
        f"deliveries-{page_request.workspace.pk}", columns, ([one[name] for name in columns] for one in told)
    )
