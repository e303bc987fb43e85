"""The forge's credentials stay with Muster."""

from typing import Any

import pytest
from django.test import Client

from orchestration.configuration import secrets
from orchestration.configuration.config.forge import Forge
from orchestration.forges.shared.interface import ForgeError, Problem
from orchestration.pull_requests import connecting
from tests.factories import ANA, a_token, a_workspace
from tests.orchestration.forges.recorded import GITHUB_PULL, Recorded
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

FORGE = {"kind": "github", "repository": "team/shop"}


@pytest.fixture
def workspace() -> Workspace:
    workspace = a_workspace(land_by="pull_request", forge=FORGE)
    for name in ("FORGE_TOKEN", "FORGE_WEBHOOK_SECRET", "API_KEY"):
        secrets.put(workspace.pk, name, f"{name}-s3cret", by=ANA)
    return workspace


def test_no_agent_gets_them_and_every_log_hides_them(workspace: Workspace) -> None:
    assert secrets.for_agents(workspace.pk) == {"API_KEY": "API_KEY-s3cret"}
    assert secrets.mask_for(workspace.pk, {})("FORGE_TOKEN-s3cret") == "[secret FORGE_TOKEN]"


def test_the_adapter_gets_the_token(workspace: Workspace, recorded: Recorded) -> None:
    recorded.on("GET", "/pulls/2", GITHUB_PULL)
    connecting.forge_of(workspace.pk, connecting.config_of(workspace.pk)).get(2)
    assert recorded.sent[0][2]["Authorization"] == "Bearer FORGE_TOKEN-s3cret"
    assert recorded.sent[0][1] == "https://api.github.com/repos/team/shop/pulls/2"


def test_without_a_token_the_error_has_a_remedy(workspace: Workspace) -> None:
    secrets.remove(workspace.pk, "FORGE_TOKEN", by=ANA)
    with pytest.raises(ForgeError, match=r"FORGE_TOKEN is not set\. Give the workspace a secret FORGE_TOKEN") as error:
        connecting.forge_of(workspace.pk, connecting.config_of(workspace.pk))
    assert error.value.problem == Problem.AUTH


@pytest.mark.parametrize(
    "change",
    [
        {"land_by": "pull_request"},
        {"land_by": "pull_request", "forge": FORGE, "follow_base": False},
        {"forge": {"kind": "gitea", "repository": "team/shop"}},
        {"forge": {"kind": "github", "repository": "shop"}},
        {"forge": {"kind": "github", "repository": "../../shop"}},
        {"forge": {"kind": "github", "repository": "~/shop"}},
        {"forge": {"kind": "github", "repository": "team/~shop"}},
        {"forge": {"kind": "github", "repository": "team/shop?x=1"}},
        {"forge": {"kind": "github", "repository": "team/shop", "url": "https://user:pw@host"}},
        {"forge": {"kind": "github", "repository": "team/shop", "url": "file:///etc"}},
        {"forge": {"kind": "sourcehut", "repository": "team/shop"}},
        {"forge": {"repository": "team/shop"}},
    ],
)
def test_a_config_that_cannot_work_is_refused(change: dict[str, Any]) -> None:
    workspace = a_workspace()
    response = Client().patch(
        f"/api/v1/workspaces/{workspace.pk}/orchestration/config",
        change,
        content_type="application/json",
        headers={"Authorization": f"Bearer {a_token()}"},
    )
    assert response.status_code == 400 and response.json()["errors"]


def test_a_trial_shows_whether_the_forge_can_be_used(workspace: Workspace, recorded: Recorded) -> None:
    assert "404: Not Found. Look at forge.url and forge.repository" in connecting.trial(workspace.pk, "main")
    recorded.on("GET", "/pulls", [GITHUB_PULL])
    assert connecting.trial(workspace.pk, "main") == ""
    secrets.remove(workspace.pk, "FORGE_TOKEN", by=ANA)
    assert connecting.trial(workspace.pk, "main").startswith("The secret FORGE_TOKEN is not set")


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1", "https://10.0.0.7/api", "https://localhost:3000", "https://127.1", "https://0x7f000001"]
)
@pytest.mark.parametrize("allow", ["", "127.0.0.0/8, 10.0.0.7, localhost"])
def test_a_private_forge_is_taken_only_where_the_operator_permits_it(settings: Any, url: str, allow: str) -> None:
    settings.WEBHOOK_ALLOW = allow
    response = Client().patch(
        f"/api/v1/workspaces/{a_workspace().pk}/orchestration/config",
        {"forge": {"kind": "gitea", "repository": "team/shop", "url": url}},
        content_type="application/json",
        headers={"Authorization": f"Bearer {a_token()}"},
    )
    assert response.status_code == (200 if allow else 400), response.content
    assert allow or ("forge.url" in str(response.json()) and "MUSTER_WEBHOOK_ALLOW" in str(response.json()))


def test_a_repository_of_a_person_may_begin_with_a_tilde() -> None:
    assert Forge(kind="github", repository="~ana/shop").repository == "~ana/shop"
