"""A worker's credentials for a shared repository are for its git processes alone: no agent sees them."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.repositories import worker_tokens
from tests.orchestration.repositories import remotes
from tests.orchestration.worker.shared.team import Team, shown
from workspaces.models import Workspace

Make = Callable[..., Team]

LOOKS = "{ git config -l; env; cat /proc/self/environ /proc/$PPID/environ | tr '\\0' '\\n'; find .git -maxdepth 1 -type f ! -name index | xargs cat; } | sed \"s/$MUSTER_TOKEN/mine/g\" > /tmp/seen-$$; "
AGENT = LOOKS + "mv /tmp/seen-$$ seen; echo yes > ok"


def test_the_password_of_a_url_reaches_no_agent(team: Make, remote: Path, tmp_path: Path) -> None:
    pair = base64.b64encode(f"{remotes.USER}:{remotes.PASSWORD}".encode()).decode()
    with remotes.http_server(tmp_path) as address:
        work = team(AGENT, url=f"{remotes.with_password(address)}/{remote.name}")
        sessions = [work.run(host) for host in (work.first, work.second)]
    for session in sessions:
        seen = shown(remote, "seen", f"refs/muster/entries/{session.entry_id}") or ""
        assert "MUSTER_SESSION_ID" in seen and "core." in seen
        assert not [word for word in (remotes.PASSWORD, pair, "Authorization", "extraheader") if word in seen]


def test_a_workers_token_reaches_no_agent(team: Make, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository is on the first host, whose web server serves it."""
    monkeypatch.setattr(worker_tokens, "header", lambda *_: "Authorization: Bearer token-of-a-worker")
    work = team(AGENT)
    Workspace.objects.filter(pk=work.workspace.pk).update(origin="")
    (tmp_path / "git").mkdir()
    (tmp_path / "git" / work.workspace.pk).symlink_to(work.clone / ".git")
    with remotes.http_server(tmp_path, "Bearer token-of-a-worker") as settings.BASE_URL:
        session = work.run(work.second)
    seen = shown(work.clone, "seen", f"refs/muster/entries/{session.entry_id}") or ""
    assert session.outcome == "passed" and "MUSTER_SESSION_ID" in seen
    assert not [word for word in ("token-of-a-worker", "Authorization", "extraheader") if word in seen]
