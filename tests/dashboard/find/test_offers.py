"""Actions, pages and settings that the search offers: by right, by state, and by the workspace that the person is in."""

import pytest

from dashboard.find import actions, places, records, views
from orchestration.models import Executor, Session
from tests.dashboard.seeds import entries as seed
from tests.factories import a_session, a_workspace, an_entry, ended
from workspaces import access
from workspaces.access import GRANTS, Need
from workspaces.models import Membership, Role, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.shop(max_workers=9)]
OPERATE = {
    "New entry",
    "Stop all…",
    "Dispatch now",
    "Import a plan",
    "Plan a goal with an agent",
    "Check the integration branch now",
}
MONEY = {"Change the cap…", "New budget review"}


@pytest.mark.parametrize(
    ("role", "offered"), [(Role.VIEWER, set()), (Role.OPERATOR, OPERATE), (Role.BUDGET, MONEY), (Role.ADMIN, OPERATE | MONEY)]
)
def test_each_role_is_offered_what_it_may(shop: Workspace, role: Role, offered: set[str]) -> None:
    hits = actions.in_workspace(shop, Executor(state="running", version=7), GRANTS[role])
    assert {hit.title for hit in hits} - {"Pause dispatch"} == offered


@pytest.mark.parametrize(
    ("state", "verb", "title"),
    [("running", "pause", "Pause dispatch"), ("paused", "resume", "Resume dispatch"), ("stopped", "start", "Start the executor")],
)
def test_the_switch_is_that_of_the_state_with_the_version_that_was_seen(
    shop: Workspace, state: str, verb: str, title: str
) -> None:
    hits = list(actions.in_workspace(shop, Executor(state=state, version=7), {Need.OPERATE}))
    [switch] = [hit for hit in hits if hit.field[0]]
    assert (switch.title, switch.url, switch.field, switch.is_form) == (
        title,
        f"/w/{shop.pk}/settings/executor/{verb}/",
        ("version", "7"),
        True,
    )
    assert {hit.title for hit in hits if hit.is_form} == {title, "Dispatch now", "Check the integration branch now"}
    assert all(hit.url.startswith(f"/w/{shop.pk}/") for hit in hits)


def test_workspaces_are_made_by_those_who_are_everywhere() -> None:
    for everywhere in (True, False):
        caller = access.of_user(seed.user("ada" if everywhere else "vera", role="" if everywhere else "viewer"))
        titles = [hit.title for hit in actions.on_site(caller)]
        assert ("New workspace" in titles) is everywhere and titles[-1] == "Log out"


def test_pages_of_a_workspace_are_there_in_one_and_its_keys_for_admins(shop: Workspace) -> None:
    site = {name for _, name, _ in places.SITE}
    assert {hit.title for hit in places.pages(None)} == site and list(places.settings(None, set(Need))) == []
    here = {hit.title: hit.url for hit in places.pages(shop)}
    assert set(here) == site | {name for _, name, _ in places.PAGES} and here["Locks"] == f"/w/{shop.pk}/backlog/locks/"
    usual = {name for _, name, _ in places.SETTINGS}
    assert {hit.title for hit in places.settings(shop, {Need.OPERATE, Need.BUDGET})} == usual
    keys = [hit for hit in places.settings(shop, {Need.ADMIN}) if hit.title not in usual]
    assert keys and all(hit.url.startswith(f"/w/{shop.pk}/settings/config/#f-") for hit in keys)


def test_where_a_person_is_and_what_they_may_there(shop: Workspace) -> None:
    vera = seed.user("vera", role="viewer", workspace=shop)
    other = a_workspace(name="Other")
    caller = access.of_user(vera)
    assert views._here(caller, shop.pk) == (shop, GRANTS[Role.VIEWER])
    for name in (other.pk, "", "x", "ws_" + "0" * 20):
        assert views._here(caller, name) == (None, set())
    Membership.objects.filter(user=vera).delete()
    assert views._here(caller, shop.pk) == (None, set())


def groups(caller: access.Caller, here: Workspace | None, *words: str) -> dict[str, list[str]]:
    rights = GRANTS[Role.ADMIN] if here else set()
    return {group.name: [hit.title for hit in group.hits] for group in views._groups(caller, here, rights, words)}


def test_without_words_there_are_actions_pages_and_what_is_at_work(shop: Workspace) -> None:
    caller = access.of_user(seed.user("ada"))
    session = a_session(an_entry(shop, content="Parse"))
    assert set(groups(caller, shop)) == {"actions", "pages", "sessions", "files", "workspaces"}
    assert groups(caller, shop)["sessions"] == [f"Session on #{session.entry.seq} Parse"]
    assert set(groups(caller, shop, "parse")) == {"entries", "actions", "pages", "settings", "sessions", "files", "workspaces"}
    assert groups(caller, None, "parse")["entries"] == ["#1 Parse"]


def test_from_home_each_hit_names_its_workspace(shop: Workspace) -> None:
    other = a_workspace(name="Other", max_workers=9)
    for where in (shop, other):
        a_session(an_entry(where, content="Parse"))
    mine = {each.pk: each for each in (shop, other)}
    assert {hit.detail for hit in records.entries(mine, None, ["parse"])} == {"In progress · Shop", "In progress · Other"}
    assert [hit.detail for hit in records.entries(mine, shop, ["parse"])] == ["In progress"]
    assert {hit.detail for hit in records.sessions(mine, None, ["parse"])} == {"Running · Shop", "Running · Other"}
    assert {hit.detail for hit in records.sessions({other.pk: other}, None, ["parse"])} == {"Running · Other"}
    assert records.entries({other.pk: other}, None, ["#1"])[0].url.startswith(f"/w/{other.pk}/")


def test_ended_sessions_are_found_by_the_number_of_their_entry_and_not_by_its_words(shop: Workspace) -> None:
    over = ended(a_session(an_entry(shop, content="Parse", files=["a b.py"])))
    mine = {shop.pk: shop}
    assert records.sessions(mine, shop, ["parse"]) == [] and len(records.sessions(mine, shop, ["#1"])) == 1
    Session.objects.filter(pk=over.pk).update(agent="parse")
    assert records.sessions(mine, shop, ["parse"]) == []
    [hit] = records.files(mine, shop, ["a b"])
    assert hit.url == f"/w/{shop.pk}/backlog/?q=file%3A%22a%20b.py%22" and hit.title == "a b.py"
