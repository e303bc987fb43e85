"""The admin site: every page of every model, what may not change, and what changes with a reason."""

import html
import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budget.models import Account
from orchestration.models import Backup, Entry, Worker
from tests import admin_site
from tests.admin_site import BOSS, EVIL, a_superuser, dry_run, seed, url
from tests.cases import all_cases
from tests.factories import a_workspace
from tests.plugins import stages
from tests.sampling import sample
from workspaces import access
from workspaces.admin.base import Editable, ReadOnly
from workspaces.models import (
    ApiToken,
    DeviceLogin,
    Event,
    FailedLogin,
    Membership,
    Passkey,
    Preferences,
    QueueMark,
    RecoveryCode,
    Role,
    SecondFactor,
    Workspace,
)
from workspaces.people import tokens

pytestmark = pytest.mark.django_db

OURS = [model for name in ("workspaces", "budget", "orchestration") for model in apps.get_app_config(name).get_models()]
OURS.append(User)


def two_of_each() -> Workspace:
    return seed(2)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> stages.Make | None:
    return two_of_each if "two" in request.fixturenames else None


@pytest.fixture
def two(db: None) -> Workspace:
    return stages.row(two_of_each)


@pytest.fixture
def client(db: None) -> Client:
    return a_superuser()


def how_many(client: Client, address: str) -> tuple[int, str]:
    """Queries of a page, and its text."""
    with CaptureQueriesContext(connection) as queries:
        response = client.get(address)
    assert response.status_code == 200, address
    return len(queries), response.content.decode()


def test_every_model_is_on_the_site() -> None:
    assert [model for model in OURS if not admin.site.is_registered(model)] == []


def test_only_superusers_get_in() -> None:
    staff = get_user_model().objects.create_user("staff", is_staff=True)
    client = Client()
    client.force_login(staff)
    assert client.get(url(Event)).status_code == 302
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")


def test_the_admin_site_has_no_door_of_its_own() -> None:
    """Its own would let people try passwords without a bound."""
    get_user_model().objects.create_superuser(BOSS, password="x" * 12)
    response = Client().post("/admin/login/?next=/admin/workspaces/event/", {"username": BOSS, "password": "x" * 12})
    assert response.headers["Location"] == "/login/?next=/admin/workspaces/event/"
    assert "sessionid" not in response.cookies
    assert Client().get("/admin/login/?next=//evil.example/").headers["Location"] == "/login/?next=/admin/"


@pytest.mark.parametrize("role", [*Role.values, ""])
def test_only_an_admin_of_the_server_may_enter_or_change_anything(role: str, two: Workspace) -> None:
    staff = get_user_model().objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.all())
    if role:
        Membership.objects.create(workspace=Workspace.objects.get(), user=staff, role=role)
    client = Client()
    client.force_login(staff)
    before = Event.objects.count()
    for model in OURS:
        row = model._default_manager.first()
        for address in (url(model), url(model, "add"), url(model, "change", row.pk), url(model, "delete", row.pk)):
            assert client.get(address).headers["Location"].startswith("/admin/login/")
            assert client.post(address, {"reason": "mine", "_selected_action": [row.pk], "post": "yes"}).status_code == 302
    events = client.get("/admin/", follow=True)
    assert events.status_code == 403 and "for admins of the whole server" in events.content.decode()
    assert Event.objects.count() == before


def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(client: Client) -> None:
    """Ten more rows: a query for each of them would show."""
    seed(3)
    for model in OURS:
        client.get(url(model))  # content types are read once
    few = {model: how_many(client, url(model))[0] for model in OURS}
    seed(10)
    many = {model: how_many(client, url(model))[0] for model in OURS}
    # a filter by workspace appears with the second one
    assert {
        model: (few[model], many[model]) for model in OURS if many[model] - few[model] not in (0, 1) or many[model] > 14
    } == {}


def pages_of(model: Any) -> Iterator[str]:
    yield from (url(model), url(model, "change", model._default_manager.first().pk), f"{url(model)}?q=x")
    yield url(model, "history", model._default_manager.first().pk)
    if admin.site.get_model_admin(model).has_add_permission(None):  # type: ignore[arg-type]
        yield url(model, "add")


def test_every_page_works_and_shows_hostile_text_as_text(client: Client) -> None:
    seed(2, text=EVIL)
    for page in itertools.chain.from_iterable(map(pages_of, OURS)):
        count, text = how_many(client, page)
        assert count <= 22, page
        assert "<script>alert" not in text and "<img src=x" not in text
        assert "style=" not in text.replace("Style=", ""), page


def test_what_has_a_page_leads_to_it_and_the_page_is_there(client: Client) -> None:
    seed(2)
    for model in OURS:
        shown = client.get(url(model, "change", model._default_manager.order_by("pk").last().pk)).content.decode()
        matches = re.search(r'href="([^"]*)" class="viewsitelink"', shown)
        if model in (
            ApiToken,
            Backup,
            DeviceLogin,
            FailedLogin,
            Passkey,
            Preferences,
            QueueMark,
            RecoveryCode,
            SecondFactor,
            Worker,
        ):  # of the server, or of one person
            assert matches is None, model
            continue
        assert matches is not None, model
        address = html.unescape(matches[1])
        page = client.get(address)
        assert page.status_code == 200, address
        text = page.content.decode()
        assert "Ignored in the address" not in text and "Nothing matches" not in text, address
        _, _, anchor = address.partition("#")
        assert not anchor or f'id="{anchor}"' in text, address


def test_no_link_leads_into_a_deleted_workspace_or_to_a_removed_entry(client: Client, two: Workspace) -> None:
    with all_cases(undo=True) as case:
        for model in OURS:
            with case(model.__name__):
                row = model._default_manager.order_by("pk").first()
                Entry.objects.update(deleted_at=timezone.now())
                shown = client.get(url(model, "change", row.pk)).content.decode()
                matches = re.search(r'href="([^"]*)" class="viewsitelink"', shown)
                assert matches is None or client.get(html.unescape(matches[1])).status_code == 200
                Workspace.objects.update(deleted_at=timezone.now())
                assert "viewsitelink" not in client.get(url(model, "change", row.pk)).content.decode()


def test_history_cannot_be_written_by_a_form(client: Client, two: Workspace) -> None:
    with all_cases(undo=True) as case:
        for model in (m for m in OURS if isinstance(admin.site.get_model_admin(m), ReadOnly)):
            with case(model.__name__):
                row = model._default_manager.order_by("pk").first()
                before = list(model._default_manager.order_by("pk").values())
                form = {field.name: "1" for field in model._meta.fields} | {"_save": "Save", "reason": "because"}
                responses = [
                    client.post(url(model, "change", row.pk), form),
                    client.post(url(model, "add"), form),
                    client.post(url(model, "delete", row.pk), {"post": "yes"}),
                ]
                assert [response.status_code for response in responses] == [403, 403, 403]
                client.post(url(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
                assert list(model._default_manager.order_by("pk").values()) == before


@pytest.mark.parametrize("model", [m for m in OURS if isinstance(admin.site.get_model_admin(m), Editable)])
def test_nothing_is_deleted_by_a_form(client: Client, model: Any) -> None:
    seed(1)
    row = model._default_manager.first()
    assert client.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("address", ["/admin/orchestration/entry/?q=%00", "/admin/orchestration/entry/?workspace__id__exact=%00",
                                     "/admin/orchestration/entry/%00/change/"])  # fmt: skip
def test_a_nul_is_refused_before_the_database_sees_it(client: Client, address: str) -> None:
    seed(1)
    assert client.get(address).status_code == 400


def filters_of(client: Client, model: Any) -> list[str]:
    shown = client.get(url(model)).content.decode()
    matches = re.search(r'<search id="changelist-filter".*?</search>|<nav id="changelist-filter".*?</nav>', shown, re.S)
    return [url(model) + html.unescape(link) for link in re.findall(r'href="(\?[^"]*)"', matches[0])] if matches else []


def test_every_filter_that_a_list_offers_works(client: Client) -> None:
    seed(2)
    seed(2)
    for model in OURS:
        links = filters_of(client, model)
        assert links or not admin.site.get_model_admin(model).list_filter, model
        for link in sample(links, 6):
            response = client.get(link)
            assert response.status_code == 200 and "is not valid" not in response.content.decode(), link


HUGE = "9" * 30


def test_a_filter_that_cannot_be_shows_everything(client: Client) -> None:
    with all_cases(undo=True) as case:
        for model in OURS:
            with case(model.__name__):
                columns = {field.name for field in model._meta.get_fields()}
                names = ("id__in", "id", "at__year", "workspace__id__exact", "spec__contains")
                known = [name for name in names if name.split("__")[0] in columns]
                strange = [(name, HUGE) for name in names if name not in known][
                    :1
                ]  # what is no column is refused before its value is read
                asked = [*itertools.product([*known, "o", "p"], [HUGE, "x", "2026-13-45"]), *strange]
                for name, value in sample(asked, 4):
                    assert client.get(url(model), {name: value}, follow=True).status_code in (200, 400), (name, value)


@pytest.mark.parametrize("asked", [{"id__in": "x"}, {"at__gte": "2026-13-45"}])
def test_it_warns_once(client: Client, asked: dict[str, str]) -> None:
    a_workspace()
    assert "The filter in the address is not valid" in client.get(url(Event), asked, follow=True).content.decode()
    assert "is not valid" not in client.get(url(Event)).content.decode()


def test_an_impossible_key_is_not_found(client: Client) -> None:
    with all_cases(undo=True) as case:
        for model in OURS:
            with case(model.__name__):
                kind = ContentType.objects.get_for_model(model)
                actions = [item.name for item in admin.site.get_model_admin(model).actions if hasattr(item, "name")]
                for key in (HUGE, "x"):
                    for page, ask in itertools.product(("change", "history", "delete"), (client.get, client.post)):
                        assert ask(url(model, page, key)).status_code in (302, 403, 404)
                    for action, step in itertools.product(actions, ("", "look", "apply")):
                        form = {
                            "action": action,
                            "_selected_action": [key],
                            "step": step,
                            "reason": "r",
                            "amount": "1",
                            "key": "k",
                            "seen": "s",
                        }
                        assert client.post(url(model), form).status_code in (200, 302)
                    assert client.get(f"/admin/r/{kind.pk}/{key}/").status_code in (302, 404)


def test_a_rename_is_recorded_with_who_and_why(client: Client) -> None:
    workspace = a_workspace(name="Shop")
    form = {"name": "Till", "initial-name": "Shop", "reason": "a clearer name"}
    assert client.post(url(Workspace, "change", workspace.pk), form).status_code == 302
    event = Event.objects.get(verb="workspace.renamed")
    assert (event.actor, event.reason, event.data) == (BOSS, "a clearer name", {"before": "Shop", "after": "Till"})


def test_a_change_without_a_reason_changes_nothing(client: Client) -> None:
    workspace = a_workspace(name="Shop")
    assert (
        client.post(url(Workspace, "change", workspace.pk), {"name": "Till", "initial-name": "Shop", "reason": " "}).status_code
        == 200
    )
    workspace.refresh_from_db()
    assert workspace.name == "Shop"


def test_a_form_that_was_open_for_long_reverts_no_change_of_others(client: Client) -> None:
    workspace = a_workspace(name="Renamed meanwhile")
    client.post(url(Workspace, "change", workspace.pk), {"name": "Shop", "initial-name": "Shop", "reason": "just looking"})
    workspace.refresh_from_db()
    assert workspace.name == "Renamed meanwhile"


def test_an_object_in_use_has_a_warning(client: Client) -> None:
    workspace = seed(1)
    assert "open session(s)" in client.get(url(Workspace, "change", workspace.pk)).content.decode()


def test_a_new_token_is_shown_once_and_never_in_a_cookie(client: Client) -> None:
    workspace = a_workspace()
    form = {
        "name": "ci",
        "role": "operator",
        "workspace": workspace.pk,
        "expires_at_0": "",
        "expires_at_1": "",
        "reason": "for CI",
    }
    response = client.post(url(ApiToken, "add"), form)
    token = ApiToken.objects.get()
    secret = response.context["token"].secret
    assert tokens.find(secret) == token
    assert secret in response.content.decode() and "no-store" in response.headers["Cache-Control"]
    assert secret not in str(response.cookies)
    assert secret not in client.get(url(ApiToken, "change", token.pk)).content.decode()
    event = Event.objects.get(verb="token.created")
    assert (event.actor, event.reason, secret in str(event.data)) == (BOSS, "for CI", False)


def test_a_token_for_every_workspace_is_recorded_in_each(client: Client) -> None:
    item, two = a_workspace(), a_workspace()
    form = {"name": "ops", "role": "admin", "workspace": "", "expires_at_0": "", "expires_at_1": "", "reason": "ops"}
    client.post(url(ApiToken, "add"), form)
    assert set(Event.objects.filter(verb="token.created").values_list("workspace", flat=True)) == {item.pk, two.pk}


def test_a_token_cannot_be_made_to_end_in_the_past(client: Client) -> None:
    form = {"name": "ci", "role": "admin", "expires_at_0": "2001-01-01", "expires_at_1": "00:00", "reason": "x"}
    assert client.post(url(ApiToken, "add"), form).status_code == 200
    assert not ApiToken.objects.exists()


def test_revoking_a_token_is_shown_first_then_done_once(client: Client) -> None:
    workspace = a_workspace()
    secret = tokens.create("ci", workspace=workspace)
    token = ApiToken.objects.get()
    shown = dry_run(client, ApiToken, "revoke", token.pk)
    assert tokens.find(secret) and b"Would change: 1" in shown.content
    responses = [admin_site.apply(client, ApiToken, "revoke", token.pk, shown=shown, reason="leaked") for _ in range(2)]
    assert [response.status_code for response in responses] == [302, 200]
    assert b"The data changed" in responses[1].content
    assert tokens.find(secret) is None
    event = Event.objects.get(verb="token.revoked")
    assert (event.actor, event.reason) == (BOSS, "leaked")


def test_a_sessions_token_is_its_sessions(client: Client) -> None:
    tokens.create("agent", workspace=a_workspace(), session_ref="sess_1")
    token = ApiToken.objects.get()
    assert b"ends with it" in dry_run(client, ApiToken, "revoke", token.pk).content
    form = {"name": "mine", "initial-name": "agent", "reason": "x"}
    assert client.post(url(ApiToken, "change", token.pk), form).status_code == 403


def test_a_member_comes_changes_and_goes_on_record(client: Client) -> None:
    workspace, bob = a_workspace(), get_user_model().objects.create_user("bob")
    client.post(url(Membership, "add"), {"user": bob.pk, "workspace": workspace.pk, "role": "viewer", "reason": "new"})
    member = Membership.objects.get()
    client.post(url(Membership, "change", member.pk), {"role": "admin", "initial-role": "viewer", "reason": "leads"})
    access.workspace_for(access.of_user(bob), workspace.pk, access.Need.ADMIN)
    shown = dry_run(client, Membership, "remove", member.pk)
    admin_site.apply(client, Membership, "remove", member.pk, shown=shown, reason="left")
    events = Event.objects.filter(verb__startswith="member.").order_by("id").values_list("verb", "actor", "reason")
    assert list(events) == [("member.added", BOSS, "new"), ("member.role", BOSS, "leads"), ("member.removed", BOSS, "left")]
    assert not Membership.objects.exists()


def test_a_second_membership_is_refused_and_not_a_crash(client: Client) -> None:
    seed(1)
    member = Membership.objects.get()
    form = {"user": member.user_id, "workspace": member.workspace_id, "role": "admin", "reason": "again"}
    assert client.post(url(Membership, "add"), form).status_code == 200
    assert Membership.objects.get().role == "viewer"


def test_an_apply_without_a_reason_asks_for_it(client: Client) -> None:
    tokens.create("ci", workspace=a_workspace())
    token = ApiToken.objects.get()
    shown = dry_run(client, ApiToken, "revoke", token.pk)
    response = admin_site.apply(client, ApiToken, "revoke", token.pk, shown=shown, reason="  ")
    assert b"This field is required" in response.content
    token.refresh_from_db()
    assert token.revoked_at is None


def test_no_person_and_no_token_can_enter_a_deleted_workspace(client: Client) -> None:
    workspace, bob = a_workspace(), User.objects.create_user("bob")
    Workspace.objects.update(deleted_at=timezone.now())
    client.post(url(Membership, "add"), {"user": bob.pk, "workspace": workspace.pk, "role": "viewer", "reason": "x"})
    token = {"name": "ci", "role": "viewer", "workspace": workspace.pk, "expires_at_0": "", "expires_at_1": "", "reason": "x"}
    client.post(url(ApiToken, "add"), token)
    assert not Membership.objects.exists() and not ApiToken.objects.exists()


def test_what_belongs_to_a_deleted_workspace_is_only_looked_at(client: Client) -> None:
    seed(1)
    Entry.objects.update(status="failed", reason_code="rounds_exhausted")
    Workspace.objects.update(deleted_at=timezone.now())
    for model in (Entry, Account, Membership):
        row = model._default_manager.get()
        assert client.get(url(model, "change", row.pk)).status_code == 200
        assert client.post(url(model, "change", row.pk), {"reason": "x"}).status_code == 403, model
    for action in ("requeue", "mark_failed", "take_off"):
        assert b"Its workspace was deleted" in dry_run(client, Entry, action, Entry.objects.get().pk).content


def test_a_deleted_workspace_is_only_looked_at(client: Client) -> None:
    workspace = a_workspace()
    Workspace.objects.update(deleted_at=timezone.now())
    assert client.get(url(Workspace, "change", workspace.pk)).status_code == 200
    assert client.post(url(Workspace, "change", workspace.pk), {"name": "x", "reason": "x"}).status_code == 403
