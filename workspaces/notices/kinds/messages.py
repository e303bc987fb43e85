"""The payload of a webhook and the layout of an e-mail, from the event's row alone, so that each attempt sends the same.

Subjects are the `notice` of each event: `workspaces/activity/events.py`, `budget/events.py`, `orchestration/facts/events.py`.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.crypto import salted_hmac

from workspaces.activity import events
from workspaces.models import Delivery, Event, Workspace


def message_id(delivery: Delivery) -> str:
    """Unique, and the same at every attempt: receivers detect repeats by it."""
    return f"msg_{salted_hmac('muster.notices', str(delivery.pk), algorithm='sha256').hexdigest()[:24]}"


def payload(delivery: Delivery) -> dict[str, Any]:
    """The JSON that docs/reference/notices.md documents."""
    event, workspace = delivery.event, delivery.channel.workspace
    data: dict[str, Any] = {"workspace": {"id": workspace.pk, "name": workspace.name}, "url": link(workspace, event)}
    if event is None:
        return {"type": events.TEST, "timestamp": _iso(delivery.created_at), "data": data | {"channel": delivery.channel.name}}
    data |= {
        "event_id": event.pk,
        "actor": event.actor,
        "object_id": event.object_id,
        "reason": event.reason,
        "details": event.data,
    }
    return {"type": event.verb, "timestamp": _iso(event.at), "data": data}


@dataclass(frozen=True)
class Message:
    """`title`: what happened, and where. `lines`: what it is about, and why. `link`: the page with more. `more`: words and URLs of others."""

    title: str
    lines: tuple[str, ...]
    link: str
    more: tuple[tuple[str, str], ...] = ()


def message(delivery: Delivery) -> Message:
    """For a chat."""
    event, workspace = delivery.event, delivery.channel.workspace
    if event and (report := _report(event)):
        links = tuple((item.words, page_url(workspace, item.page, item.object_id)) for item in report.links)
        return Message(subject(delivery), tuple(report.lines), link(workspace, event), links)
    data = event.data if event else {}
    about = " ".join(str(part) for part in (f"#{data['seq']}" if "seq" in data else "", data.get("title", "")) if part)
    why = event.reason if event else f"The channel {delivery.channel.name} works."
    lines = (about, why or str(data.get("text", "")))
    return Message(subject(delivery), tuple(line for line in lines if line), link(workspace, event))


def subject(delivery: Delivery) -> str:
    """One line, even if a name contains line breaks."""
    what = _title(delivery.event) if delivery.event else "This is a test"
    return " ".join(f"[{delivery.channel.workspace.name}] {what}".split())[:200]


def text(delivery: Delivery) -> str:
    """The e-mail: what happened, the details, and a link."""
    event, workspace = delivery.event, delivery.channel.workspace
    if event is None:
        return f"This is a test of the channel {delivery.channel.name}. It works.\n\n{link(workspace, None)}\n"
    if report := _report(event):
        links = [f"- {item.words}\n  {page_url(workspace, item.page, item.object_id)}" for item in report.links]
        return "\n".join([*report.lines, *links, "", link(workspace, event), ""])
    lines = [
        f"{_title(event)}.",
        "",
        event.reason,
        *(f"{_words(k)}: {_plain(v)}" for k, v in event.data.items()),
    ]
    lines += [f"By: {event.actor}", f"At: {_iso(event.at)}", "", link(workspace, event), ""]
    return "\n".join(line for n, line in enumerate(lines) if line or n == 1 or n > 2)


def link(workspace: Workspace, event: Event | None) -> str:
    """The URL of the event's page; of the workspace where there is none."""
    known = events.lookup(event.verb) if event else None
    name = known.page if known else "workspace"
    return page_url(workspace, name, "" if name in ("workspace", "budget") or event is None else event.object_id)


def page_url(workspace: Workspace, page: str, object_id: str = "") -> str:
    """The URL of a page of the workspace; of its overview where there is none."""
    try:
        path = reverse(page, args=[workspace.pk, object_id] if object_id else [workspace.pk])
    except NoReverseMatch:
        path = reverse("workspace", args=[workspace.pk])
    return f"{settings.BASE_URL.rstrip('/')}{path}"


def _title(event: Event) -> str:
    known = events.lookup(event.verb)
    if report := _report(event):
        return report.title
    return known.notice if known and known.notice else event.verb


def _report(event: Event) -> events.Report | None:
    known = events.lookup(event.verb)
    return known.read(event.data).report() if known else None


def _words(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _iso(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
