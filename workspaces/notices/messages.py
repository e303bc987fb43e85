"""What a notice says: the payload of a webhook, and the words of an e-mail. From the event's row alone, so that each attempt says the same."""

import json
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.crypto import salted_hmac

from workspaces.activity import events
from workspaces.models import Delivery, Event, Workspace


def message_id(delivery: Delivery) -> str:
    """The same at every attempt, and nobody else's: receivers drop what they have seen by it."""
    return f"msg_{salted_hmac('muster.notices', str(delivery.pk), algorithm='sha256').hexdigest()[:24]}"


def payload(delivery: Delivery) -> dict[str, Any]:
    """What docs/reference/notices.md promises."""
    event, workspace = delivery.event, delivery.channel.workspace
    told: dict[str, Any] = {"workspace": {"id": workspace.pk, "name": workspace.name}, "url": link(workspace, event)}
    if event is None:
        return {"type": events.TEST, "timestamp": _iso(delivery.created_at), "data": told | {"channel": delivery.channel.name}}
    told |= {
        "event_id": event.pk,
        "actor": event.actor,
        "object_id": event.object_id,
        "reason": event.reason,
        "details": event.data,
    }
    return {"type": event.verb, "timestamp": _iso(event.at), "data": told}


def body(delivery: Delivery) -> str:
    return json.dumps(payload(delivery), ensure_ascii=False, separators=(",", ":"))


def subject(delivery: Delivery) -> str:
    """One line, whatever the names in it hold."""
    what = _title(delivery.event) if delivery.event else "This is a test"
    return " ".join(f"[{delivery.channel.workspace.name}] {what}".split())[:200]


def text(delivery: Delivery) -> str:
    """The e-mail: what happened, the facts, and where to look."""
    event, workspace = delivery.event, delivery.channel.workspace
    if event is None:
        return f"This is a test of the channel {delivery.channel.name}. It works.\n\n{link(workspace, None)}\n"
    lines = [
        f"{_title(event)}.",
        "",
        event.reason,
        *(f"{_words(k)}: {_plain(v)}" for k, v in event.data.items()),
    ]
    lines += [f"By: {event.actor}", f"At: {_iso(event.at)}", "", link(workspace, event), ""]
    return "\n".join(line for n, line in enumerate(lines) if line or n == 1 or n > 2)


def link(workspace: Workspace, event: Event | None) -> str:
    """The whole address of the page that tells more; the workspace's own where there is no such page."""
    known = events.lookup(event.verb) if event else None
    name = known.page if known else "workspace"
    ids = [workspace.pk] if name in ("workspace", "budget") or event is None else [workspace.pk, event.object_id]
    try:
        path = reverse(name, args=ids)
    except NoReverseMatch:
        path = reverse("workspace", args=[workspace.pk])
    return f"{settings.BASE_URL.rstrip('/')}{path}"


def _title(event: Event) -> str:
    known = events.lookup(event.verb)
    return known.notice if known and known.notice else event.verb


def _words(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _iso(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
