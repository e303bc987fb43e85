"""Every URL of the site, posted to without permission: nothing changes. It catches forms without a check."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from tests.dashboard.conftest import client_of
from tests.dashboard.seeds import addresses
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.addresses import Address
from workspaces.models import Workspace

OWN = (  # their own things
    "account", "account-prefer", "account-password", "second-factor", "second-step", "tokens", "theme", "login", "logout", "login-link",
    "login-passkey", "second-step-passkey", "passkey-add", "passkey-options", "passkey-remove",  # tests/workspaces/test_passkeys.py
    "device", "device-code", "device-token", "device-revoke",  # programs that log in have no cookie (tests/workspaces/test_devices.py)
    "oauth-token", "oauth-revoke", "oauth-register",  # nor have MCP clients (tests/workspaces/oauth)
)  # fmt: skip
FORM = {
    "confirm": "remove", "role": "admin", "name": "vera", "amount": "1", "reason": "x", "workers": "9", "rounds": "9", "locked": "1",
    "do": "hold", "all": "1", "content": "x", "text": "- [ ] x", "format": "markdown", "whole": "{}", "value": "x", "hold": "1",
    "limit": "total.day", "percents": "50", "direction": "back", "title": "x", "auto": "1", "repo": "/tmp", "cap": "1", "kind": "command",
}  # fmt: skip


@contextmanager
def writing() -> Iterator[list[str]]:
    """The statements within that may change a row of anything but the browser's sessions."""
    statements: list[str] = []

    def note(execute: Any, sql: str, *args: Any) -> Any:
        if re.match(r"\s*(SELECT|SAVEPOINT|RELEASE|ROLLBACK|BEGIN)", sql) is None and '"django_session"' not in sql:
            statements.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(note):
        yield statements


def fingerprint() -> dict[str, str]:
    """All rows of all tables but the browser's sessions."""
    tables = [model for model in apps.get_models() if model._meta.app_label != "sessions"]
    return {
        model._meta.label: hashlib.sha256(repr(list(model._default_manager.order_by("pk").values_list())).encode()).hexdigest()
        for model in tables
    }


def forms() -> list[tuple[Address, str]]:
    return [(address, verb) for address in addresses.every() if address.name not in OWN for verb in address.verbs or ("",)]


def sent(client: Client, workspace: Workspace) -> dict[str, int]:
    """Post to all of them; the status of each. The database is as before."""
    before = fingerprint()
    statuses = {}
    for address, verb in forms():
        path = address.path(addresses.values(workspace, verb))
        with writing() as statements:
            statuses[f"{address.name} {verb}".strip()] = client.post(path, FORM).status_code
        assert not statements or fingerprint() == before, path
    assert fingerprint() == before
    return statuses


PROBES = ["livez", "healthz", "readyz"]
"""They answer before anything looks at the request."""


def leads_on(statuses: dict[str, int]) -> bool:
    """An address of an earlier release sends the form to the page, whoever asks: that one looks at who it is."""
    return statuses.pop(addresses.MOVED) == 308


def refused(statuses: dict[str, int]) -> set[str]:
    return {name for name, status in statuses.items() if status == 403}


def test_a_viewer_changes_nothing_anywhere(workspace: Workspace, vera: Client) -> None:
    statuses = sent(vera, workspace)
    assert {"executor-stop", "executor start", "session-kill", "entry-act hold", "plan", "cap", "member-act role"} <= refused(
        statuses
    )
    assert len(refused(statuses)) > 45 and max(statuses.values()) < 500
    assert statuses["workspace-new"] == statuses["workspace-delete"] == 403


def test_for_who_belongs_elsewhere_there_is_no_such_workspace(workspace: Workspace, nils: Client) -> None:
    seed.empty("Elsewhere")
    statuses = sent(nils, workspace)
    assert leads_on(statuses)
    inside = {address.name for address, _ in forms() if "workspace_id" in address.parts}
    assert {statuses[name] for name in statuses if name.split(" ")[0] in inside} <= {404, 405}


def test_who_is_not_logged_in_is_sent_to_the_login(workspace: Workspace) -> None:
    statuses = sent(Client(), workspace)
    assert leads_on(statuses)
    assert set(statuses.values()) <= {200, 302, 401, 405}
    assert [name for name, status in statuses.items() if status == 200] == sorted([*PROBES, "keys"])


def test_without_its_token_no_form_is_taken(workspace: Workspace) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(seed.user("ana"))
    statuses = sent(strict, workspace)
    assert {status for name, status in statuses.items() if name not in (*PROBES, "stream", "api-stream")} == {403}


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("operator", "cap total-budget limit warnings entry-budget entry-lock budget-bulk ledger-correct auto-reallocate reallocate"),
        ("budget", "executor-stop session-stop session-kill dispatch entries-bulk entry-new plan entry-rounds session-hold locks-release"),
        ("operator", "set-workers workspace-rename workspace-delete settings-config member-new secrets secret-remove credentials credential-remove channel-new"),
        ("budget", "set-workers workspace-rename workspace-delete settings-config member-new secrets secret-remove credentials credential-remove channel-new"),
    ],
)  # fmt: skip
def test_a_role_does_not_do_what_is_for_another(workspace: Workspace, role: str, names: str) -> None:
    client, before = client_of("somebody", role, workspace), fingerprint()
    by_name = {address.name: address for address, _ in forms()}
    for name in names.split():
        path = by_name[name].path(addresses.values(workspace))
        assert (name, client.post(path, FORM).status_code) == (name, 403)
    assert fingerprint() == before
