"""The credentials on the page of a workspace's agents: how each is billed, its windows and its state; admins add, change and remove them."""

from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from budget import amounts
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import done
from orchestration.configuration import agent_states, credentials, windows, workspace_setup
from orchestration.edge import credential_states
from orchestration.edge.credential_states import CredentialState
from orchestration.models import Credential
from workspaces.access import Need
from workspaces.errors import Invalid

USUAL_WINDOWS = ("pct_5h", "pct_7d")
STOP_AT = "stop_at."
LABELS = {"name": "The name", "key": "The key", "variable": "The variable", "base_url": "The base URL", "billing": "The billing"}


class CredentialForm(forms.Form):
    name = forms.CharField(max_length=200, error_messages={"required": "Write a name, such as team-plan"})
    key = forms.CharField(max_length=credentials.MAX_KEY_CHARS, strip=False, required=False)
    remove_key = forms.BooleanField(required=False)
    variable = forms.CharField(max_length=100, required=False)
    base_url = forms.CharField(max_length=500, required=False)
    billing = forms.CharField(max_length=4, required=False)


@require_POST
@in_workspace(Need.ADMIN)
def put(page_request: PageRequest) -> HttpResponse:
    sent = page_request.request.POST
    form_data = validated(CredentialForm(sent))
    change: dict[str, Any] = {name: form_data[name] or None for name in ("variable", "base_url", "billing") if name in sent}
    if form_data["key"] or form_data["remove_key"]:
        change["key"] = None if form_data["remove_key"] else form_data["key"]
    if stops := _stops(sent):
        change["stop_at"] = stops
    try:
        row = credentials.put(page_request.workspace.pk, form_data["name"], change, by=page_request.caller)
    except Invalid as refused:
        subject = LABELS.get(refused.names[0]) if refused.message.startswith(("must", "may")) else None
        raise Invalid(f"{subject} {refused.message}" if subject else refused.message, *refused.names) from None
    return done(page_request, f"{row.name} is saved; agents that start from now on are served with it")


@require_POST
@in_workspace(Need.ADMIN)
def set_address(page_request: PageRequest) -> HttpResponse:
    """The base URL of a credential without a key of its own."""
    form_data = validated(CredentialForm(page_request.request.POST))
    try:
        workspace_setup.set_base_url(page_request.workspace, form_data["name"], form_data["base_url"], by=page_request.caller)
    except Invalid as refused:
        raise Invalid(
            f"{LABELS['base_url']} {refused.message}" if refused.message.startswith(("must", "may")) else refused.message
        ) from None
    return done(page_request, "The base URL is saved; agents that start from now on use it")


@require_POST
@in_workspace(Need.ADMIN)
def remove(page_request: PageRequest) -> HttpResponse:
    name = page_request.request.POST.get("name", "")
    credentials.remove(page_request.workspace.pk, name, by=page_request.caller)
    return done(page_request, f"{name} is removed")


def region(page_request: PageRequest) -> dict[str, Any]:
    states = credential_states.of_executor(page_request.executor)
    return {
        "credentials": [_shown(state) for state in states],
        "new_windows": _inputs({}, ()),
        "billings": Credential.Billing.choices,
        "may_admin": page_request.may(Need.ADMIN),
    }


def _shown(state: CredentialState) -> dict[str, Any]:
    state_windows = state.windows(now())
    return {
        "state": state,
        "row": state.row,
        "windows": [
            {
                "window": window,
                "used": _text(window.name, window.used),
                "most": window.at if window.is_money else 100,
                "stops_at": _text(window.name, window.at),
            }
            for window in state_windows
        ],
        "problems": [{"breaker": each, "how": agent_states.PREDICATES.get(each.code, "cannot work")} for each in state.breakers],
        "inputs": _inputs(state.row.stop_at, [window.name for window in state_windows]),
    }


def _inputs(stop_at: dict[str, Any], more: list[str] | tuple[str, ...]) -> list[dict[str, Any]]:
    """A field for each window that may stop it."""
    names = dict.fromkeys([*more, *USUAL_WINDOWS])
    return [
        {
            "name": f"{STOP_AT}{name}",
            "title": credentials.window_title(name),
            "unit": "USD" if name == windows.OF_MONTH else "%",
            "value": stop_at.get(name, ""),
        }
        for name in names
    ]


def _text(window: str, at: float | None) -> str:
    """Percent, of a month USD."""
    if at is None:
        return ""
    return amounts.format_usd(amounts.from_json(Decimal(str(at)))) if window == windows.OF_MONTH else f"{round(at, 1):g} %"


def _stops(sent: QueryDict) -> dict[str, Any]:
    """The change for `credentials.put`; an empty field removes its window."""
    given = {name.removeprefix(STOP_AT): str(sent[name]).strip() for name in sent if name.startswith(STOP_AT)}
    return {window: _number(window, text) if text else None for window, text in given.items()}


def _number(window: str, text: str) -> Decimal:
    title = credentials.window_title(window)
    try:
        return Decimal(amounts.parse_usd(text.removesuffix("%"))) / amounts.MICRO
    except amounts.NotMoney as problem:
        raise Invalid(f"Stop at, {title}: the value {problem}", "stop_at") from None
