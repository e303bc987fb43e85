"""The pages of triggers: their list and one with its firings; fire one, switch it on and off, delete it."""

import hashlib
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from dashboard.new_entry.adding import form_key
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import paging
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import confirm, done
from dashboard.triggers import rows
from orchestration.models import Trigger
from orchestration.triggers import changes, firing, reads
from orchestration.triggers.changes import trigger_for
from workspaces.access import Need


@require_safe
@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    regions = HEADER | {"triggers": Region("triggers/list.html#triggers", _triggers)}
    return render_page(page_request, "triggers/list.html", regions)


@require_safe
@in_workspace()
def detail(page_request: PageRequest, trigger_id: str) -> HttpResponse:
    trigger = trigger_for(page_request.workspace.pk, trigger_id)
    regions = HEADER | {
        "facts": Region("triggers/trigger.html#facts", partial(_facts, trigger=trigger)),
        "firings": Region("triggers/trigger.html#firings", partial(_firings, trigger=trigger)),
    }
    return render_page(page_request, "triggers/trigger.html", regions, trigger=trigger, key=form_key(page_request))


@require_POST
@in_workspace(Need.ADMIN)
def new_secret(page_request: PageRequest, trigger_id: str) -> HttpResponse:
    """The secret of its webhook stands in this answer and nowhere else. One in use is replaced after a confirmation: its senders are refused at once."""
    trigger = trigger_for(page_request.workspace.pk, trigger_id)
    seen = hashlib.sha256(trigger.sealed).hexdigest()
    if trigger.sealed and not confirmation.is_confirmed(page_request, "trigger-secret", f"{trigger.pk} {seen}"):
        return confirm(
            page_request,
            title=f"Replace the secret of {trigger.name}",
            sentence="The secret in use stops working at once: calls with it are refused until their senders have the new one.",
            button="Replace it",
            action=page_request.request.path,
            fields={"confirm": confirmation.token(page_request, "trigger-secret", f"{trigger.pk} {seen}")},
        )
    secret = changes.new_secret(trigger, by=page_request.caller)
    return render_page(
        page_request, "triggers/secret.html", HEADER, trigger=trigger, secret=secret, url=reads.webhook_url(trigger)
    )


@require_POST
@in_workspace(Need.OPERATE)
def fire(page_request: PageRequest, trigger_id: str) -> HttpResponse:
    """A form that is sent twice fires once."""
    trigger = trigger_for(page_request.workspace.pk, trigger_id)
    key = firing.key_by_hand(form_key(page_request))
    fired = firing.fire(trigger, key, now=timezone.now(), by=page_request.caller)
    if fired.entry is None:
        return done(page_request, f"No entry is added: {fired.message[:1].lower()}{fired.message[1:]}", tone="warn")
    return done(page_request, f"#{fired.entry.seq} is added")


@require_POST
@in_workspace(Need.ADMIN)
def switch(page_request: PageRequest, trigger_id: str, verb: str) -> HttpResponse:
    trigger = trigger_for(page_request.workspace.pk, trigger_id)
    changes.change(trigger, {"is_enabled": verb == "on"}, by=page_request.caller)
    return done(page_request, f"{trigger.name} is {verb}")


@require_POST
@in_workspace(Need.ADMIN)
def delete(page_request: PageRequest, trigger_id: str) -> HttpResponse:
    trigger = trigger_for(page_request.workspace.pk, trigger_id)
    if not confirmation.is_confirmed(page_request, "trigger-delete", trigger.pk):
        return confirm(
            page_request,
            title=f"Delete {trigger.name}",
            sentence="It adds no more entries. Those that it added stay.",
            button="Delete it",
            action=page_request.request.path,
            fields={
                "confirm": confirmation.token(page_request, "trigger-delete", trigger.pk),
                "next": reverse("triggers", args=[page_request.workspace.pk]),
            },
        )
    changes.delete(trigger, by=page_request.caller)
    return done(page_request, f"{trigger.name} is deleted")


def _triggers(page_request: PageRequest) -> dict[str, Any]:
    return {"rows": rows.every(page_request.executor)}


def _facts(page_request: PageRequest, trigger: Trigger) -> dict[str, Any]:
    return {"row": rows.single(trigger, page_request.executor)}


def _firings(page_request: PageRequest, trigger: Trigger) -> dict[str, Any]:
    cursor = {name: page_request.request.GET.get(name, "") for name in ("after", "before")}
    cut = paging.paginate(trigger.firings.select_related("entry"), "id", "id", descending=True, **cursor)
    return {"cut": cut, "firings": [rows.fired(firing) for firing in cut.rows], "query": ""}
