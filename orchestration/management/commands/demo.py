"""`./muster manage demo` makes the demo workspace and starts it."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from budget.amounts import usd
from orchestration import demo, schemas
from orchestration.backlog import drafts, entries
from orchestration.configuration import workspace_setup
from orchestration.executor import control
from orchestration.proposals import requests
from workspaces.access import Caller
from workspaces.models import Workspace

BY = Caller("demo")


class Command(BaseCommand):
    help = "Make the demo: a small project with failing tests, twelve entries and a goal, and an agent that needs no network."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="only if there is no workspace yet")
        parser.add_argument("--no-start", action="store_true", help="do not start its executor")

    def handle(self, *args: Any, if_empty: bool, no_start: bool, **options: Any) -> None:
        if if_empty and Workspace.objects.exists():
            return
        repo = settings.DATA_DIR / f"demo-{secrets.token_hex(3)}"
        demo.make_repository(repo)
        workspace = workspace_setup.create(
            "Demo: a ledger in plain text",
            str(repo),
            total_budget=usd(str(demo.TOTAL_BUDGET_USD)),
            max_project_spend=usd(str(demo.MAX_PROJECT_SPEND_USD)),
            config=demo.CONFIG,
            by=BY,
        )
        items = schemas.EntriesIn.model_validate({"entries": demo.ENTRIES}).entries
        entries.add(workspace.pk, [drafts.from_request(item) for item in items], by=BY)
        if not no_start:
            control.start(workspace.pk, by=BY)
            requests.plan(workspace, demo.GOAL, by=BY)
        self.stdout.write(workspace.pk)
