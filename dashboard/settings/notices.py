"""The page of notices: channels, a real test delivery, and the delivery log."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from budget.reads import csv_export
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import confirm, done
from workspaces.access import Need
from workspaces.activity import events
from workspaces.models import Channel, Digest
from workspaces.notices import channels, deliveries, digests, schemas, sending
from workspaces.notices.channels import ChannelSettings
from workspaces.notices.digests import DigestSettings
from workspaces.notices.kinds import KINDS, kind_of

PER_PAGE = 50
MAX_IN_CSV = 10_000


class ChannelForm(forms.Form):
    name = forms.CharField(max_length=200, error_messages={"required": "Enter a name"})
    target = forms.CharField(max_length=2000, error_messages={"required": "Enter a target"})
    verbs = forms.MultipleChoiceField(choices=events.notice_choices, required=False)
    digest = forms.ChoiceField(choices=[("", "Never"), *Digest.Frequency.choices], required=False)
    digest_hour = forms.IntegerField(min_value=0, max_value=23, required=False)
    digest_zone = forms.CharField(max_length=64, required=False)

    def digest_settings(self) -> DigestSettings | None:
        """None where the form has no choice of a digest: it stays."""
        if "digest" not in self.data:
            return None
        chosen = self.cleaned_data
        hour = digests.DEFAULT_HOUR if chosen["digest_hour"] is None else chosen["digest_hour"]
        return DigestSettings(chosen["digest"], hour, chosen["digest_zone"].strip() or "UTC")


class NewChannelForm(ChannelForm):
    kind = forms.ChoiceField(choices=Channel.Kind.choices)


class LogForm(forms.Form):
    """The delivery log's filters in the URL. Invalid values are ignored."""

    channel = forms.RegexField(r"^[a-z0-9_]{0,40}$", required=False)
    state = forms.ChoiceField(
        choices=[("", "All"), ("pending", "Waiting"), ("delivered", "Delivered"), ("failed", "Failed")], required=False
    )
    before = forms.RegexField(r"^[0-9]{0,18}$", required=False)


def fitting(form: forms.Form) -> dict[str, Any]:
    """The valid values; empty strings for the others."""
    form.is_valid()
    return {name: form.cleaned_data.get(name) or "" for name in form.fields}


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("csv") == "deliveries":
        return _csv(page_request)
    return _page(page_request)


@require_POST
@in_workspace(Need.ADMIN)
def add(page_request: PageRequest) -> HttpResponse:
    """A webhook's secret is in this response only."""
    form = NewChannelForm(page_request.request.POST)
    form_data = validated(form)
    fields = ChannelSettings(form_data["name"], form_data["target"], form_data["verbs"], digest=form.digest_settings())
    created, secret = channels.create(page_request.workspace, Channel.Kind(form_data["kind"]), fields, by=page_request.caller)
    if not secret:  # a secret in a flash message would go through a cookie
        return done(page_request, f"{created.name} is created: press “Send a test” to check it")
    return _page(page_request, created=created, secret=secret)


@require_POST
@in_workspace(Need.ADMIN)
def change_channel(page_request: PageRequest, channel_id: str, verb: str) -> HttpResponse:
    channel = channels.channel_for(page_request.workspace.pk, channel_id)
    if verb == "secret":
        row, secret = channels.change(channel, ChannelSettings(new_secret=True), by=page_request.caller)
        return _page(page_request, created=row, secret=secret)
    if verb == "test":
        return _test(page_request, channel)
    if verb == "remove" and not confirmation.is_confirmed(page_request, "channel-remove", channel.pk):
        return confirm(
            page_request,
            title=f"Remove {channel.name}",
            sentence="It receives no more notifications, and its delivery log is deleted.",
            button="Remove it",
            action=page_request.request.path,
            fields={"confirm": confirmation.token(page_request, "channel-remove", channel.pk)},
        )
    return done(page_request, ACTS[verb](page_request, channel))


@require_POST
@in_workspace(Need.ADMIN)
def retry(page_request: PageRequest, delivery_id: str) -> HttpResponse:
    delivery = deliveries.retry(page_request.workspace.pk, delivery_id, by=page_request.caller)
    result = sending.attempt(delivery.pk)
    if result is None:
        return done(page_request, "The delivery is queued")
    return done(
        page_request,
        _attempt_sentence(result.ok, result.status, result.took_ms, result.text),
        tone="good" if result.ok else "bad",
    )


def _test(page_request: PageRequest, channel: Channel) -> HttpResponse:
    sent = sending.test(channel)
    ok = sent.state == "delivered"
    return done(
        page_request,
        f"Test of {channel.name}: {_attempt_sentence(ok, sent.status, sent.took_ms or 0, sent.answer)}",
        tone="good" if ok else "bad",
    )


def _attempt_sentence(ok: bool, status: int | None, took_ms: int, text: str) -> str:
    detail = f"status {status}, {took_ms} ms" if status else f"{took_ms} ms"
    shown = f": {text[:200]}" if text else ""
    return f"{'delivered' if ok else 'not delivered'} ({detail}){shown}"


def _edit(page_request: PageRequest, channel: Channel) -> str:
    form = ChannelForm(page_request.request.POST)
    form_data = validated(form)
    fields = ChannelSettings(form_data["name"], form_data["target"], form_data["verbs"], digest=form.digest_settings())
    row, _ = channels.change(channel, fields, by=page_request.caller)
    return f"{row.name} is saved"


def _on(page_request: PageRequest, channel: Channel) -> str:
    channels.change(channel, ChannelSettings(enabled=True), by=page_request.caller)
    return f"{channel.name} is on"


def _off(page_request: PageRequest, channel: Channel) -> str:
    channels.change(channel, ChannelSettings(enabled=False), by=page_request.caller)
    return f"{channel.name} is off; its pending deliveries were dropped"


def _remove(page_request: PageRequest, channel: Channel) -> str:
    channels.remove(channel, by=page_request.caller)
    return f"{channel.name} is removed, with its log"


ACTS: dict[str, Callable[[PageRequest, Channel], str]] = {"edit": _edit, "on": _on, "off": _off, "remove": _remove}


def _page(page_request: PageRequest, *, created: Channel | None = None, secret: str = "") -> HttpResponse:
    whole = page_request.may(Need.ADMIN)
    chosen = fitting(LogForm(page_request.request.GET))
    rows, following = deliveries.page(
        page_request.workspace.pk,
        limit=PER_PAGE,
        cursor=chosen["before"] or None,
        channel=chosen["channel"],
        state=chosen["state"],
    )
    return render_page(
        page_request,
        "settings/notices.html",
        HEADER,
        may_admin=whole,
        created=created,
        secret=secret,
        channels=[_channel(row, whole=whole) for row in channels.list_all(page_request.workspace.pk)],
        deliveries=[{"row": row, "delivery": schemas.delivery(row, whole=whole)} for row in rows],
        following=following,
        chosen=chosen,
        states=LogForm.base_fields["state"].choices,  # type: ignore[attr-defined]
        all_verbs=[{"verb": verb, "words": words, "on": False} for verb, words in events.notices().items()],
        kinds=KINDS.items(),
        no_mail=not settings.EMAIL_HOST,
        digest_choices=[("", "Never"), *Digest.Frequency.choices],
        new_digest={"frequency": "", "hour": digests.DEFAULT_HOUR, "time_zone": str(timezone.get_current_timezone())},
        hours=range(24),
        page_url=reverse("notices", args=[page_request.workspace.pk]),
    )


def _channel(row: Channel, *, whole: bool) -> dict[str, Any]:
    chosen = {item.verb for item in row.verbs.all()}
    return {
        "row": row,
        "kind": kind_of(row),
        "target": channels.shown_target(row, whole=whole),
        "verbs": [{"verb": verb, "words": words, "on": verb in chosen} for verb, words in events.notices().items()],
        "events": [words for verb, words in events.notices().items() if verb in chosen],
        "digest": schemas.digest_of(row),
    }


def _csv(page_request: PageRequest) -> HttpResponseBase:
    whole = page_request.may(Need.ADMIN)
    rows, _ = deliveries.page(page_request.workspace.pk, limit=MAX_IN_CSV)
    columns = list(schemas.DeliveryOut.model_fields)
    payloads = (schemas.delivery(row, whole=whole) for row in rows)
    return csv_export.respond(
        f"deliveries-{page_request.workspace.pk}", columns, ([payload[name] for name in columns] for payload in payloads)
    )
