"""Shared by the forty acceptance points: one full seed and one server per module, every URL, and the users."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page

from budget.models import Review
from orchestration.models import Entry
from tests.dashboard.committed import wiped
from tests.dashboard.seeds import full as seed_full
from tests.dashboard.seeds.full import Full
from tests.dashboard.seeds.server import serving
from tests.journeys.conftest import logged_in


@dataclass(frozen=True)
class Site:
    """A served seed: its URL and its objects."""

    address: str
    full: Full

    @property
    def home(self) -> str:
        return f"{self.address}/w/{self.full.workspace.pk}/"

    def every(self) -> dict[str, str]:
        """Each page of the map by its name."""
        full = self.full
        review = Review.objects.filter(project_id=full.workspace.pk).first()
        dear = full.dear.pk
        tails = {
            "overview": "",
            "workers": "sessions/",
            "timeline": "sessions/?view=timeline",
            "grid": f"sessions/?view=grid&session={full.long_log.pk}",
            "worker": f"sessions/{full.long_log.pk}/",
            "worker over": f"sessions/{full.ended.pk}/",
            "requests": f"sessions/{full.long_log.pk}/?tab=requests",
            "log": f"sessions/{full.long_log.pk}/log/",
            "entries": "backlog/",
            "graph": "backlog/?view=graph&q=status:blocked",
            "board": "backlog/?view=board",
            "entry": f"backlog/{dear}/",
            "talk": f"backlog/{dear}/?tab=talk",
            "round": f"backlog/{full.ended.entry_id}/rounds/{full.ended.round_number}/",
            "new entry": "backlog/new/",
            "edit": f"backlog/{dear}/edit/",
            "plan": "backlog/plans/import/",
            "goal": "backlog/plans/",
            "triggers": "backlog/triggers/",
            "new trigger": "backlog/triggers/new/",
            "locks": "backlog/locks/",
            "landing": "landing/",
            "budget": "money/",
            "by entry": "money/entries/",
            "by round": "money/rounds/",
            "ledger": "money/ledger/",
            "changes": "money/changes/",
            "estimates": "money/estimates/",
            "reallocate": "money/reallocate/",
            "insight": "money/insight/?by=day",
            "reviews": "money/reviews/",
            "review": f"money/reviews/{review.pk}/" if review else "money/reviews/",
            "executor": "settings/executor/",
            "hosts": "sessions/hosts/",
            "activity": "settings/activity/",
            "settings": "settings/",
            "config": "settings/config/",
            "members": "settings/members/",
            "agents": "settings/agents/",
            "notices": "settings/notices/",
        }
        return {name: f"{self.home}{tail}" for name, tail in tails.items()}

    def elsewhere(self) -> dict[str, str]:
        """Pages that belong to no workspace."""
        tails = {
            "workspaces": "/",
            "account": "/account/",
            "tokens": "/account/tokens/",
            "new": "/new/",
            "guide": "/styleguide/",
            "keys": "/keys/",
            "search": f"/find/?w={self.full.workspace.pk}",
        }
        return {name: f"{self.address}{tail}" for name, tail in tails.items()}

    def entry(self, seq: int) -> Entry:
        return Entry.objects.select_related("account").get(workspace=self.full.workspace, seq=seq)


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """By this name pytest-django makes the test database; here it is wiped after the whole module, not after each test."""
    with django_db_blocker.unblock(), wiped():
        yield


@pytest.fixture(scope="module")
def site(transactional_db: None) -> Iterator[Site]:
    """Seeded once per module: its tests only read, or restore what they change."""
    usual, settings.TICK_S = settings.TICK_S, 600
    try:
        with serving() as address:
            yield Site(address, seed_full.full())
    finally:
        settings.TICK_S = usual


def looking(browser: Browser, site: Site, **options: Any) -> tuple[BrowserContext, Page]:
    """Ana's browser, and a page of it."""
    context = logged_in(browser, site.address, **options)
    return context, context.new_page()


__all__ = ["Site", "looking", "site", "transactional_db"]
