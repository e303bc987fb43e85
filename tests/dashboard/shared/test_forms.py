"""The pages' forms act for those who may use them, and answer with and without htmx."""

from django.http import HttpResponse
from django.test import Client

from budget.models import Account
from orchestration.models import Entry, Executor, Session
from tests.dashboard.overview.test_page import in_line
from workspaces.models import Workspace

HTMX = {"HX-Request": "true"}


def state(workspace: Workspace) -> str:
    return Executor.objects.get(pk=workspace.pk).state


def entry(workspace: Workspace, seq: int) -> Entry:
    return Entry.objects.select_related("account").get(workspace=workspace, seq=seq)


def confirmed(client: Client, address: str, **form: str) -> HttpResponse:
    """Send a form, and then the question that came back, as a person without script does."""
    confirmation = client.post(address, form)
    assert confirmation.status_code == 409, confirmation.status_code
    return client.post(confirmation.context["confirmation"]["action"], confirmation.context["confirmation"]["fields"])


def test_a_form_leads_back_to_a_page_of_this_site_alone(otto: Client, workspace: Workspace) -> None:
    home, here = f"/w/{workspace.pk}/", f"/w/{workspace.pk}/backlog/?q=x"
    for target in (here, "https://example.org/", "//example.org/", "javascript:alert(1)", ""):
        response = otto.post(f"{home}settings/executor/pause/", {"next": target})
        assert (response.status_code, response.headers["Location"]) == (303, here if target == here else home), target


def test_with_htmx_the_answer_is_the_sentence_and_a_call_to_refresh(otto: Client, workspace: Workspace) -> None:
    response = otto.post(f"/w/{workspace.pk}/settings/executor/pause/", headers=HTMX)
    assert response.status_code == 200 and response.headers["HX-Trigger-After-Swap"] == "muster:changed"
    assert b'hx-swap-oob="true"' in response.content and b"<html" not in response.content


def test_one_session_is_stopped_by_its_own_form(otto: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(status="running").first()
    assert session is not None
    address = f"/w/{workspace.pk}/sessions/{session.pk}/stop/"
    assert otto.post(address).status_code == 409
    assert confirmed(otto, address).status_code == 303
    session.refresh_from_db()
    assert session.stop_wanted_by == "otto" and state(workspace) == "running"


def test_an_invalid_amount_is_reported_and_changes_nothing(bea: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    address = f"/w/{workspace.pk}/backlog/{target.pk}/budget/"
    for amount in ("", "-1", "a lot", "NaN", "0.0000001", "1e30"):
        refused = bea.post(address, {"amount": amount}, headers=HTMX)
        assert refused.status_code == 422 and refused.headers["HX-Reswap"] == "none" and b"result bad" in refused.content, amount
        assert bea.post(address, {"amount": amount, "next": f"/w/{workspace.pk}/"}).status_code == 303, amount
        assert Account.objects.get(pk=target.pk).budget == target.account.budget, amount


def test_hold_release_done_and_rounds(otto: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    base = f"/w/{workspace.pk}/backlog/{target.pk}"
    otto.post(f"{base}/hold/", {"reason": "not yet"})
    assert (entry(workspace, 5).status, entry(workspace, 5).reason_message) == ("blocked", "not yet")
    otto.post(f"{base}/release/")
    assert entry(workspace, 5).status == "pending"
    otto.post(f"{base}/rounds/", {"rounds": "9"})
    assert entry(workspace, 5).budget_rounds == 9
    otto.post(f"{base}/done/")
    assert entry(workspace, 5).status == "done"


def test_verify_again(otto: Client, workspace: Workspace) -> None:
    target = entry(workspace, 3)
    otto.post(f"/w/{workspace.pk}/backlog/{target.pk}/reverify/")
    assert (entry(workspace, 3).next_work, entry(workspace, 3).rounds_completed) == ("verify", 0)


def test_a_refusal_is_shown_on_the_page_of_the_form(otto: Client, workspace: Workspace) -> None:
    target = entry(workspace, 2)
    back = f"/w/{workspace.pk}/backlog/{target.pk}/"
    response = otto.post(f"{back}hold/", {"next": back})
    assert response.headers["Location"] == back
    assert "in progress: stop its session first" in in_line(otto.get(back).content.decode())


def mutations(workspace: Workspace) -> dict[str, list[str]]:
    target = entry(workspace, 5)
    session = Session.objects.filter(status="running").first()
    assert session is not None
    base = f"/w/{workspace.pk}"
    operate = [f"{base}/settings/executor/{verb}/" for verb in ("start", "pause", "resume", "stop", "dispatch")]
    operate += [f"{base}/backlog/{target.pk}/{verb}/" for verb in ("hold", "release", "done", "reverify", "rounds")]
    operate += [f"{base}/sessions/{session.pk}/stop/"]
    money = [f"{base}/money/cap/", f"{base}/backlog/{target.pk}/budget/", f"{base}/backlog/{target.pk}/lock/"]
    return {"operate": operate, "money": money}


def test_a_role_too_small_is_refused_and_sees_no_control(vera: Client, otto: Client, bea: Client, workspace: Workspace) -> None:
    every = mutations(workspace)
    for who, addresses in ((vera, every["operate"] + every["money"]), (otto, every["money"]), (bea, every["operate"])):
        for address in addresses:
            assert who.post(address, {"confirm": "stop", "amount": "1"}).status_code == 403, address
            assert who.post(address, {"confirm": "stop", "amount": "1"}, headers=HTMX).status_code == 403, address
    fifth = entry(workspace, 5)
    for address in (f"/w/{workspace.pk}/", f"/w/{workspace.pk}/backlog/{fifth.pk}/"):
        seen = in_line(vera.get(address).content.decode())
        assert not [target for target in every["operate"] + every["money"] if target in seen]


def test_forms_need_the_csrf_token(workspace: Workspace) -> None:
    from tests.dashboard.seeds import entries as seed

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(seed.user("ana"))
    assert strict.post(f"/w/{workspace.pk}/settings/executor/pause/").status_code == 403
    assert state(workspace) == "running"
