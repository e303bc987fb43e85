"""No text of a server that repeats its token reaches the database, an error, or a line of a log."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.utils.timezone import now

from orchestration.configuration import cloning, secrets
from orchestration.forges import KINDS
from orchestration.git.command import GitError
from orchestration.models import Executor, PullRequest
from orchestration.pull_requests import connecting, sync
from orchestration.repositories.remote import Remote
from orchestration.worker import availability
from orchestration.worker.lander import pushing
from orchestration.worker.preparing import workbench
from tests.factories import ANA, a_workspace, an_entry
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.repeating import leaks
from tests.orchestration.repeating.server import PLACES, Repeating, repeating
from workspaces.access import Caller
from workspaces.models import Channel
from workspaces.notices import channels, sending
from workspaces.notices.channels import ChannelSettings
from workspaces.notices.kinds import KINDS as CHANNELS
from workspaces.secrets import masking

pytestmark = pytest.mark.django_db
TOKEN = "tok-9f/8e+7d6c5b4a3210-of-the-forge"


@pytest.fixture
def server(settings: Any) -> Iterator[Repeating]:
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    with repeating() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Iterator[None]:
    with leaks.logged() as written:
        yield
    assert (leaks.columns_with(TOKEN), leaks.in_log(TOKEN, written)) == ([], [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_forge(server: Repeating, kind: str) -> None:
    workspace = a_workspace(land_by="pull_request", forge={"kind": kind, "repository": "team/shop", "url": server.url})
    secrets.put(workspace.pk, "FORGE_TOKEN", TOKEN, by=ANA)
    entry = an_entry(workspace)
    row = PullRequest.objects.create(workspace=workspace, entry=entry, branch="b", base="main", head="a" * 40, pushed="a" * 40)
    for place in PLACES:
        server.place = place
        assert TOKEN not in connecting.trial(workspace.pk, "main")
        for number in (None, 2):
            past = now() - timedelta(hours=1)
            PullRequest.objects.filter(pk=row.pk).update(looked_at=None, retry_at=past, number=number, state="opening", due=True)
            assert sync.run_due() == 1
        row.refresh_from_db()
        assert row.message or place == "answer"
    assert server.seen > len(PLACES)


def test_a_git_remote_with_a_password(server: Repeating, tmp_path: Path) -> None:
    url = server.url.replace("://", f"://muster:{quote(TOKEN, safe='')}@") + "/git/shop.git"
    workspace = a_workspace(repo=str(a_repository(tmp_path / "shop", README="x\n")), push={"remote": "origin"})
    repo = Path(workspace.repo)
    git(repo, "remote", "add", "origin", url)
    remote = Remote(repo, url)
    tip = git(repo, "rev-parse", "HEAD")
    for place in PLACES:
        server.place = place
        pushing.push(workbench.of_lander(workspace, _config(workspace.pk)), tip, is_asked=True)
        availability.lost(workspace.pk, _problem(lambda: remote.fetch(["refs/heads/main"])))
        for action in (
            lambda: remote.refs("refs/heads/main"),
            lambda: remote.move("refs/heads/x", tip, before=""),
            lambda: remote.discard({"refs/muster/x": tip}),
            remote.object_format,
        ):
            assert not leaks.parts_in(_problem(action), TOKEN)
        assert Executor.objects.get(pk=workspace.pk).push_error
    assert server.seen


def test_a_repository_that_is_cloned(server: Repeating, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    url = server.url.replace("://", f"://muster:{quote(TOKEN, safe='')}@") + "/git/shop.git"
    server.place = "text"
    (tmp_path / "repos").mkdir()
    cloning._clone("0123456789abcdef", {"url": url, "user": 1, "form": {}, "since": 0, "pid": 1})
    note = cloning._read(tmp_path / "repos" / "0123456789abcdef.json")
    assert note["state"] == "failed" and not leaks.parts_in(note["error"], TOKEN)


def test_a_header_that_a_remote_repeats(server: Repeating, tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "shop", README="x\n")
    remote = Remote(repo, f"{server.url}/git/shop.git", lambda _: f"Authorization: Bearer {TOKEN}")
    for place in PLACES:
        server.place = place
        assert not leaks.parts_in(_problem(lambda: remote.refs("refs/heads/main")), TOKEN)


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != Channel.Kind.EMAIL])
def test_a_channel_whose_address_is_its_secret(server: Repeating, kind: str) -> None:
    workspace = a_workspace()
    address = f"{server.url}/services/{quote(TOKEN, safe='')}?key={quote(TOKEN, safe='')}"
    settings_ = ChannelSettings(name=kind, target=address, verbs=["entry.blocked"])
    channel, _ = channels.create(workspace, Channel.Kind(kind), settings_, by=Caller("ana"))
    for place in PLACES:
        server.place = place
        assert not leaks.parts_in(sending.test(channel).answer, TOKEN)
    assert server.seen == len(PLACES)


def test_a_signing_secret_that_its_receiver_knows(server: Repeating) -> None:
    settings_ = ChannelSettings(name="hook", target=f"{server.url}/hook", verbs=["entry.blocked"])
    channel, secret = channels.create(a_workspace(), Channel.Kind.WEBHOOK, settings_, by=Caller("ana"))
    with masking.hiding(channels.mask_of(channel)):
        assert secret not in masking.foreign(f"wrong signature: expected that of {secret}")


def _config(workspace_id: str) -> Any:
    return connecting.config_of(workspace_id)


def _problem(action: Callable[[], object]) -> str:
    try:
        action()
    except GitError as problem:
        return str(problem)
    return "nothing"


@pytest.mark.parametrize("limit", range(8, 60, 3))
def test_text_is_masked_before_it_is_cut(limit: int) -> None:
    """The first part of a token is as much as somebody needs to guess whose it is."""
    own, known = "muster_" + "a1B2" * 10, "known-Secret-of-the-forge"
    mask = masking.Mask({"FORGE": known})
    for text in (f"it is {own}!", f"it is {known}!"):
        for cut in (masking.foreign(text, limit), masking.foreign(text)[:limit]):
            assert "muster_" not in cut and "known-" not in cut
    with masking.hiding(mask):
        assert masking.foreign(f"it is {known}!", limit) == "it is [secret FORGE]!"[:limit]
        assert masking.foreign(f"it is {own}!", limit) == "it is [secret token]!"[:limit]
