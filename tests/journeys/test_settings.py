"""Settings, members, accounts and the admin site in a browser: with and without script, both themes, accessibility."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from orchestration.models import Entry, Executor, Session
from tests.dashboard.seeds import entries as seed
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import RULES, WCAG, results
from tests.orchestration.git.repositories import a_repository
from workspaces.models import Membership, Workspace


def test_a_config_is_changed_and_an_error_leads_to_its_field(browser: Browser, address: str, workspace: Workspace) -> None:
    context = logged_in(browser, address)  # its console reports the 400
    page = context.new_page()
    page.goto(f"{address}/w/{workspace.pk}/settings/config/")
    page.fill("#f-max_workers", "seven")
    page.fill("#f-verify-0-name", "unit")
    page.fill("#f-verify-0-run", "pytest -q")
    page.click("#add-check")
    page.fill("#f-verify-1-name", "lint")
    page.fill("#f-verify-1-run", "ruff check")
    page.click("#save")
    expect(page.locator("#problems")).to_contain_text("Write a whole number")
    page.click("#problems a")
    expect(page.locator("#f-max_workers")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#f-verify-1-name")).to_have_value("lint")
    page.fill("#f-max_workers", "7")
    page.click("#save")
    expect(page.locator("#result")).to_contain_text("max_workers: 3 → 7")
    config = Executor.objects.get(pk=workspace.pk).config
    assert [target["name"] for target in config["verify"]] == ["unit", "lint"] and config["max_workers"] == 7
    context.close()


def test_it_all_works_without_script(browser: Browser, address: str, workspace: Workspace) -> None:
    context = logged_in(browser, address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/w/{workspace.pk}/settings/")
    page.fill("#name", "Bills")
    page.click("text=Rename")
    expect(page.locator("h1")).to_contain_text("Bills")
    page.click("nav[aria-label='Main'] >> text=Config")
    page.fill("#f-verify-0-name", "unit")
    page.fill("#f-verify-0-run", "pytest -q")
    page.click("#save")
    expect(page.locator("#result")).to_contain_text("Saved: verify")
    page.click("nav[aria-label='Main'] >> text=People")
    page.fill("#new-name", "fresh")
    page.check("input[name=create]")
    page.click("button:has-text('Add')")
    expect(page.locator("#login-link code")).to_contain_text("/login/link/")
    page.locator("tr", has_text="fresh").locator("button:has-text('Remove')").click()
    page.click("button.commit")
    expect(page.locator("#result")).to_contain_text("fresh is no longer a member")
    page.goto(f"{address}/account/tokens/")
    page.fill("#t-name", "ci")
    page.click("#make-token")
    expect(page.locator("#secret-text")).to_contain_text("muster_")
    page.click("button:has-text('Revoke')")
    page.click("button.commit")
    expect(page.locator("#result")).to_contain_text("ci is revoked")
    context.close()


def test_a_person_comes_by_a_link_and_sets_a_password(browser: Browser, page: Page, address: str, workspace: Workspace) -> None:
    page.goto(f"{address}/w/{workspace.pk}/settings/members/")
    page.fill("#new-name", "fresh")
    page.select_option("#new-role", "operator")
    page.check("input[name=create]")
    page.click("button:has-text('Add')")
    link = page.locator("#login-link code").inner_text()
    context = browser.new_context(timezone_id="Asia/Tokyo")
    fresh = context.new_page()
    fresh.goto(link)
    fresh.goto(f"{address}/account/")
    fresh.fill("#new_password1", "a long enough one")
    fresh.fill("#new_password2", "a long enough one")
    fresh.click("#set-password")
    expect(fresh.locator("#result")).to_contain_text("Password set")
    fresh.click("#browser-zone button")
    fresh.click("#prefer")
    expect(fresh.locator("html")).to_have_attribute("data-zone", "Asia/Tokyo")
    context.close()  # one that is left asks a server that has ended, again and again
    assert User.objects.get(username="fresh").preferences.time_zone == "Asia/Tokyo"
    context.close()


def test_a_workspace_is_made_by_the_form(page: Page, address: str, workspace: Workspace, tmp_path: Path, settings: Any) -> None:
    settings.REPO_ROOTS = [tmp_path]
    repo = a_repository(tmp_path / "shop")
    page.goto(address)
    page.click("text=New workspace")
    page.fill("#f-repo", str(repo))
    page.click("#check")
    expect(page.locator("#repository")).to_contain_text("start")
    page.fill("#f-command", "python3 agent.py")
    page.click("#make")
    expect(page.locator("#header")).to_have_attribute("data-state", re.compile("stopped|paused"))
    assert Workspace.objects.get(name="shop").base_branch == "main"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("light", 360), ("dark", 1440)])
def test_axe_finds_nothing(browser: Browser, address: str, workspace: Workspace, scheme: Any, width: int) -> None:
    context = logged_in(browser, address, viewport={"width": width, "height": 900}, color_scheme=scheme)
    seed.user("vera", role="viewer", workspace=workspace)
    page, home = context.new_page(), f"{address}/w/{workspace.pk}"
    problems = {}
    for tail in ("settings/", "settings/config/", "settings/members/", "settings/agents/", "settings/notices/"):
        page.goto(f"{home}/{tail}")
        problems[tail] = results(page)
    page.goto(f"{home}/settings/config/")
    page.fill("#f-max_workers", "x")
    page.click("#save")
    problems["error"] = results(page)
    for tail in ("/account/", "/account/tokens/", "/new/", "/login/"):
        page.goto(f"{address}{tail}")
        problems[tail] = results(page)
    context.close()
    assert not any(problems.values()), problems


ADMIN_RULES = {**RULES, "runOnly": WCAG}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_admin_site_has_our_look_and_axe_finds_nothing(
    browser: Browser, address: str, workspace: Workspace, theme: str, settings: Any
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    settings.ENV_LABEL = "STAGING"
    context = logged_in(browser, address, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/account/")
    page.select_option("#theme", theme)
    page.click("#prefer")
    session, entry = Session.objects.filter(workspace=workspace).first(), Entry.objects.filter(workspace=workspace).first()
    assert session and entry
    page.goto(f"{address}/w/{workspace.pk}/sessions/{session.pk}/")
    page.click("text=Edit in admin")
    expect(page.locator(".env-label")).to_have_text("STAGING")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if theme == "light" else "rgb(16, 19, 24)")
    problems = {"session": Axe().run(page, options=ADMIN_RULES).response["violations"]}
    page.click("text=View on site")
    expect(page).to_have_url(re.compile(f"/sessions/{session.pk}/$"))
    member = Membership.objects.create(user=User.objects.create_user("otto"), workspace=workspace, role="viewer")
    for tail in (
        "",
        "orchestration/entry/",
        "budget/ledgerentry/",
        "workspaces/membership/",
        f"workspaces/membership/{member.pk}/change/",
    ):
        page.goto(f"{address}/admin/{tail}")
        problems[tail] = Axe().run(page, options=ADMIN_RULES).response["violations"]
    page.goto(f"{address}/admin/workspaces/membership/")
    page.check("#action-toggle")
    page.select_option("select[name=action]", "remove")
    page.click("button[name=index]")
    problems["fix"] = Axe().run(page, options=ADMIN_RULES).response["violations"]
    page.click("text=Back to Muster")
    context.close()
    recorded = {
        name: [(target["id"], target["nodes"][0]["target"]) for target in many] for name, many in problems.items() if many
    }
    assert not recorded, recorded
