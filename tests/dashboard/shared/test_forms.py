"""The pages' forms act for those who may use them, and answer with and without htmx."""

from django.http import HttpResponse
from django.test import Client

from budget.models import Account, Project
from orchestration.models import Entry, Executor, Session
from tests.dashboard.overview.test_page import in_line
from workspaces.models import Event, Workspace

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


def test_pause_and_resume_are_plain_forms(otto: Client, workspace: Workspace) -> None:
    response = otto.post(f"/w/{workspace.pk}/settings/executor/pause/", {"next": f"/w/{workspace.pk}/?q=x"})
    assert (response.status_code, response.headers["Location"]) == (303, f"/w/{workspace.pk}/?q=x")
    assert state(workspace) == "paused"
    assert "Dispatch is paused" in in_line(otto.get(f"/w/{workspace.pk}/").content.decode())
    otto.post(f"/w/{workspace.pk}/settings/executor/resume/")
    assert state(workspace) == "running"


def test_no_redirect_leads_to_another_site(otto: Client, workspace: Workspace) -> None:
    for target in ("https://example.org/", "//example.org/", "javascript:alert(1)"):
        response = otto.post(f"/w/{workspace.pk}/settings/executor/pause/", {"next": target})
        assert response.headers["Location"] == f"/w/{workspace.pk}/"


def test_with_htmx_the_answer_is_the_sentence_and_a_call_to_refresh(otto: Client, workspace: Workspace) -> None:
    response = otto.post(f"/w/{workspace.pk}/settings/executor/pause/", headers=HTMX)
    assert response.status_code == 200 and response.headers["HX-Trigger-After-Swap"] == "muster:changed"
    assert b'hx-swap-oob="true"' in response.content and b"<html" not in response.content


def test_stop_all_without_its_confirmation_only_asks(otto: Client, workspace: Workspace) -> None:
    assert "Ends all 3 running sessions" in in_line(otto.get(f"/w/{workspace.pk}/settings/executor/stop/").content.decode())
    assert otto.post(f"/w/{workspace.pk}/settings/executor/stop/").status_code == 409
    assert state(workspace) == "running" and not Session.objects.filter(stop_wanted_at__isnull=False).exists()


def test_stop_all_pauses_and_asks_every_session_to_stop(otto: Client, workspace: Workspace) -> None:
    assert confirmed(otto, f"/w/{workspace.pk}/settings/executor/stop/").status_code == 303
    assert state(workspace) == "paused"
    assert Session.objects.filter(status__in=Session.OPEN, stop_wanted_at__isnull=True).count() == 0


def test_one_session_is_stopped_by_its_own_form(otto: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(status="running").first()
    assert session is not None
    address = f"/w/{workspace.pk}/sessions/{session.pk}/stop/"
    assert otto.post(address).status_code == 409
    assert confirmed(otto, address).status_code == 303
    session.refresh_from_db()
    assert session.stop_wanted_by == "otto" and state(workspace) == "running"


def test_dispatch_now_reports_what_blocks_the_others(otto: Client, workspace: Workspace) -> None:
    page = otto.post(f"/w/{workspace.pk}/settings/executor/dispatch/", headers=HTMX).content.decode()
    assert "No session could start" in page and "waiting for locked files" in page
    assert Event.objects.filter(verb="executor.force_dispatch", actor="otto").exists()


def test_an_entrys_budget_is_set_and_locked(bea: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    bea.post(f"/w/{workspace.pk}/backlog/{target.pk}/budget/", {"amount": "$1,012.50"})
    account = Account.objects.get(pk=target.pk)
    assert (account.budget, account.human_locked, account.locked_by) == (1_012_500_000, True, "bea")


def test_an_invalid_amount_is_reported_and_changes_nothing(bea: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    address = f"/w/{workspace.pk}/backlog/{target.pk}/budget/"
    for amount in ("", "-1", "a lot", "NaN", "0.0000001", "1e30"):
        refused = bea.post(address, {"amount": amount}, headers=HTMX)
        assert refused.status_code == 422 and refused.headers["HX-Reswap"] == "none" and b"result bad" in refused.content, amount
        assert bea.post(address, {"amount": amount, "next": f"/w/{workspace.pk}/"}).status_code == 303, amount
        assert Account.objects.get(pk=target.pk).budget == target.account.budget, amount


def test_a_lock_form_sent_twice_does_no_harm(bea: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    for _ in range(2):
        bea.post(f"/w/{workspace.pk}/backlog/{target.pk}/lock/", {"locked": "1"})
    assert Account.objects.get(pk=target.pk).human_locked
    bea.post(f"/w/{workspace.pk}/backlog/{target.pk}/lock/", {"locked": "0", "reason": "agreed in the review"})
    assert not Account.objects.get(pk=target.pk).human_locked


def test_releasing_a_lock_needs_a_reason(bea: Client, workspace: Workspace) -> None:
    target = entry(workspace, 11)
    response = bea.post(f"/w/{workspace.pk}/backlog/{target.pk}/lock/", {"locked": "0", "reason": " "}, headers=HTMX)
    assert response.status_code == 422 and "Enter a reason" in in_line(response.content.decode())
    assert Account.objects.get(pk=target.pk).human_locked


def test_a_cap_below_what_is_spent_is_asked_about_first(bea: Client, workspace: Workspace) -> None:
    address = f"/w/{workspace.pk}/money/cap/"
    confirmation = bea.post(address, {"amount": "1"})
    assert confirmation.status_code == 409 and "no session starts" in in_line(confirmation.content.decode())
    assert Project.objects.get(pk=workspace.pk).max_project_spend == 20_000_000
    other = bea.post(address, {"amount": "2"}).context["confirmation"]["fields"]["confirm"]
    assert bea.post(address, {"amount": "1", "confirm": other}).status_code == 409  # the confirmation of another amount
    confirmed(bea, address, amount="1")
    assert Project.objects.get(pk=workspace.pk).max_project_spend == 1_000_000


def test_raising_the_cap_needs_no_second_look(bea: Client, workspace: Workspace) -> None:
    assert bea.post(f"/w/{workspace.pk}/money/cap/", {"amount": "30"}).status_code == 303
    assert Project.objects.get(pk=workspace.pk).max_project_spend == 30_000_000


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


def test_the_theme_is_kept_and_rendered_by_the_server(otto: Client) -> None:
    otto.post("/theme/", {"theme": "dark", "next": "/"})
    assert 'data-theme="dark"' in in_line(otto.get("/").content.decode())
    otto.post("/theme/", {"theme": "<b>", "next": "//example.org"})
    assert 'data-theme="dark"' in in_line(otto.get("/").content.decode())
