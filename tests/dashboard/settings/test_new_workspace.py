"""The form for a new workspace: the check of the repository, refusals, and cloning a URL."""

import time
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from dashboard.settings import new_workspace
from orchestration.configuration import cloning
from orchestration.git.command import GitError
from orchestration.models import Executor
from tests.dashboard.overview.test_page import in_line, text_of
from tests.dashboard.seeds import entries as seed
from tests.orchestration.git.repositories import a_repository, git, write
from workspaces.errors import Invalid
from workspaces.models import Workspace

FORM = {"cap": "12.50", "total": "", "kind": "command", "command": "python3 agent.py", "max_workers": "2", "do": "make"}
URL = "https://example.invalid/shop.git"


@pytest.fixture
def shop(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository where one may be; and as what an address of the net leads to."""
    settings.REPO_ROOTS, settings.DATA_DIR = [tmp_path], tmp_path / "data"
    write(tmp_path / "home/.gitconfig", f'[url "{tmp_path}/shop"]\n\tinsteadOf = {URL}\n')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return a_repository(tmp_path / "shop")


def send(client: Client, repo: object, **more: str) -> Any:
    return client.post("/new/", FORM | {"repo": str(repo)} | more)


def followed(client: Client, address: str) -> str:
    """The waiting page until it is over."""
    for _ in range(100):
        seen = in_line(client.get(address).content.decode())
        if "Cloning the repository" not in seen:
            return seen
        time.sleep(0.05)
    raise AssertionError("it is still being cloned")


def test_a_workspace_is_made_of_a_path(ana: Client, shop: Path) -> None:
    response = send(ana, shop, verify="pytest -q", junit="junit.xml", name="The shop")
    created = Workspace.objects.get()
    assert response.status_code == 303 and response["Location"] == f"/w/{created.pk}/"
    assert (created.name, created.base_branch, created.repo) == ("The shop", "main", str(shop))
    assert (created.project.max_project_spend, created.project.total_budget) == (12_500_000, 12_500_000)
    config = Executor.objects.get().config
    assert config["verify"] == [{"name": "verify", "run": "pytest -q", "junit": "junit.xml"}] and config["max_workers"] == 2
    assert config["agent"] == {"kind": "command", "command": "python3 agent.py"}


def test_checking_reports_the_repository_and_creates_nothing(ana: Client, shop: Path) -> None:
    git(shop, "branch", "stable")
    write(shop / "one", "changed\n")
    seen = in_line(send(ana, shop, do="check", cap="", command="").content.decode())
    for fact in ("<code>main</code>", "stable", "start", "1 changed file is not committed", " kB"):
        assert fact in seen, fact
    assert not Workspace.objects.exists() and "Not made" not in seen
    bare = shop.parent / "bare"
    git(shop, "clone", "--quiet", "--bare", str(shop), str(bare))
    assert "bare: without a working copy" in in_line(send(ana, bare, do="check").content.decode())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"repo": "/etc"}, "Must lie inside one of MUSTER_REPO_ROOTS"),
        ({"repo": "relative/path"}, "Must be an absolute path"),
        ({"repo": "~nobody-at-all/x"}, "Is not a path on this server"),
        ({"repo": "/" + "x" * 900}, "Is not a path on this server"),
        ({"repo": "file:///etc"}, "Must be an absolute path"),
        ({"repo": "ext::sh -c id"}, "Must be an absolute path"),
        ({"repo": ""}, "Write a path on the server"),
        ({"repo": "a\x00b"}, "Null characters"),
        ({"base_branch": "nowhere"}, "has no branch"),
        ({"base_branch": "--help"}, "has no branch"),
        ({"cap": "12,5"}, "needs a point before the cents"),
        ({"cap": "NaN"}, "Write an amount"),
        ({"cap": "-1"}, "amount"),
        ({"cap": "1e99"}, ""),
        ({"max_workers": "0"}, "greater than or equal to 1"),
        ({"max_workers": "9" * 30}, "less than or equal"),
        ({"command": ""}, "A command agent needs a command"),
        ({"kind": "acp", "command": ""}, "An ACP agent needs a command"),
        ({"kind": "skynet"}, "Select a valid choice"),
        ({"junit": "../x", "verify": "true"}, "Must lie inside the clone"),
        ({"junit": "x.xml"}, "goes with a verify command"),
    ],
)
def test_invalid_fields_are_reported_and_the_input_is_kept(ana: Client, shop: Path, change: dict[str, str], message: str) -> None:
    response = ana.post("/new/", FORM | {"repo": str(shop), "name": "My <b>shop", "model": "sonnet"} | change)
    seen = in_line(response.content.decode())
    assert response.status_code == 400 and message in seen and "My &lt;b&gt;shop" in seen and 'value="sonnet"' in seen
    assert not Workspace.objects.exists()


def test_a_folder_inside_a_repository_is_named(ana: Client, shop: Path) -> None:
    (shop / "inner").mkdir()
    assert "name that one" in in_line(send(ana, shop / "inner").content.decode())


def test_a_url_is_cloned_while_a_page_shows_progress(ana: Client, shop: Path) -> None:
    response = send(ana, URL, do="check", name="Shop")
    assert response.status_code == 303 and "/new/?clone=" in response["Location"]
    seen = followed(ana, response["Location"])
    assert "Last commit" in seen and 'value="Shop"' in seen and not Workspace.objects.exists()
    token = response["Location"].partition("=")[2]
    assert send(ana, URL, clone=token).status_code == 303
    created = Workspace.objects.get()
    assert (created.origin, created.name, created.base_branch) == (URL, "shop", "main") and Path(created.repo).is_dir()
    assert ana.get(response["Location"]).status_code == 404


def test_a_clone_that_fails_comes_back_to_the_form_without_passwords(ana: Client, shop: Path) -> None:
    response = send(ana, "https://me:hunter2@127.0.0.1:1/none.git", name="Kept")
    seen = followed(ana, response["Location"])
    assert "Cloning failed" in seen and 'value="Kept"' in seen and "hunter2" not in seen.replace('value="https://me:hunter2@', "")
    assert [path.suffix for path in (shop.parent / "data/repos").iterdir()] == [".json"]


def test_a_clone_is_its_persons_own(ana: Client, shop: Path) -> None:
    token = cloning.start(URL, {}, user_id=seed.user().pk)
    other = Client()
    other.force_login(seed.user("boss"))
    assert other.get(f"/new/?clone={token}").status_code == 404
    for forged in ("../../etc/passwd", "", "\x00", "f" * 16):
        assert ana.get("/new/", {"clone": forged}).status_code in (200, 404)
    followed(ana, f"/new/?clone={token}")


def test_a_clone_whose_server_died_is_reported(ana: Client, shop: Path) -> None:
    token = cloning.start(URL, {}, user_id=seed.user().pk)
    followed(ana, f"/new/?clone={token}")
    note = cloning._read(cloning._folder() / f"{token}.json")
    cloning._write(token, note | {"state": "cloning", "pid": 2**22 + 5})
    assert "the server restarted meanwhile" in in_line(ana.get(f"/new/?clone={token}").content.decode())


def test_only_an_admin_of_everything_may(ana: Client, vera: Client, shop: Path) -> None:
    assert vera.get("/new/").status_code == 403 and send(vera, shop).status_code == 403
    assert "/new/" in text_of(ana, "/") and "/new/" not in text_of(vera, "/")


def test_clones_of_a_dead_server_do_not_block_new_ones(ana: Client, shop: Path) -> None:
    gone = {"url": URL, "user": 1, "form": {}, "state": "cloning", "error": "", "since": time.time(), "pid": 2**22 + 1}
    for n in range(cloning.MAX_AT_ONCE):
        cloning._write(f"{n:016x}", gone)
    assert send(ana, URL).status_code == 303


def test_an_error_is_cut_after_its_passwords_are_taken_out(ana: Client, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> str:
        raise GitError("clone", "cannot reach https://ana:" + "s3cret" * 60 + "@host/repo")

    monkeypatch.setattr(cloning.git, "run", fails)
    seen = followed(ana, send(ana, URL)["Location"])
    assert "Cloning failed" in seen and "s3cret" not in seen


def test_a_clone_that_fails_unexpectedly_does_not_keep_its_person_waiting(
    ana: Client, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> str:
        raise RuntimeError("s3cret")

    monkeypatch.setattr(cloning.git, "run", breaks)
    seen = followed(ana, send(ana, URL)["Location"])
    assert "unexpected error" in seen and "s3cret" not in seen


def test_a_workspace_may_begin_without_money_and_is_named_by_its_folder(ana: Client, shop: Path) -> None:
    send(ana, f"{shop}/", total="0", kind="codex", model="gpt", command="")
    created = Workspace.objects.get()
    assert (created.name, created.project.total_budget, created.project.max_project_spend) == ("shop", 0, 12_500_000)
    agent = {"kind": "codex", "model": "gpt"}
    assert Executor.objects.get().config == {"max_workers": 2, "agent": agent, "sandbox": {"network": "auto"}}


def test_a_form_takes_a_clone_of_its_own_address_alone(ana: Client, shop: Path) -> None:
    token = cloning.start(URL, {}, user_id=seed.user().pk)
    followed(ana, f"/new/?clone={token}")
    other = send(ana, f"{URL}/other", clone=token)
    assert other.status_code == 303 and "/new/?clone=" in other["Location"] and not Workspace.objects.exists()
    assert cloning.find(token, user_id=seed.user().pk).state == "done"
    note = cloning._read(cloning._folder() / f"{token}.json")
    cloning._write(token, note | {"state": "failed", "error": "no route"})
    again = send(ana, URL, clone=token)
    assert "/new/?clone=" in again["Location"] and not Workspace.objects.exists()
    for address in (other["Location"], again["Location"]):
        followed(ana, address)


def test_a_password_of_an_address_is_in_no_column_that_pages_show(
    ana: Client, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "https://me:hunter2@example.invalid/shop.git"
    write(shop.parent / "home/.gitconfig", f'[url "{shop}"]\n\tinsteadOf = {secret}\n')
    token = cloning.start(secret, {}, user_id=seed.user().pk)
    followed(ana, f"/new/?clone={token}")
    assert send(ana, secret, clone=token).status_code == 303
    created = Workspace.objects.get()
    assert created.name == "shop" and "hunter2" not in f"{created.origin} {created.repo} {created.shown_origin}"
    assert "hunter2" not in text_of(ana, f"/w/{created.pk}/settings/")


def test_a_page_shows_for_how_many_minutes_it_has_been_cloning(ana: Client, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = cloning.Clone("t" * 16, URL, "cloning", "", time.time() - 150, {})
    monkeypatch.setattr(cloning, "find", lambda token, user_id: clone)
    assert ana.get("/new/?clone=x").context["minutes"] == 2


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("agent.command",), "command"),
        (("max_workers",), "max_workers"),
        (("verify.0.run",), "verify"),
        (("total_budget",), "total"),
        (("max_project_spend",), "cap"),
        (("base_branch",), "base_branch"),
        (("nonsense",), "repo"),
        ((), "repo"),
    ],
)
def test_a_refusal_is_shown_at_its_field(names: tuple[str, ...], field: str) -> None:
    assert new_workspace._problems(Invalid("is not so", *names)) == {field: "Is not so"}
