"""`./muster manage demo` makes the demo workspace and starts it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from orchestration.demo import starting
from workspaces.models import Workspace


class Command(BaseCommand):
    help = "Make the demo: a small project with failing tests, twelve entries and a goal, and an agent that needs no network."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="only if there is no workspace yet")
        parser.add_argument("--no-start", action="store_true", help="do not start its executor")

    def handle(self, *args: Any, if_empty: bool, no_start: bool, **options: Any) -> None:
        if if_empty and Workspace.objects.exists():
            return
        self.stdout.write(starting.start(running=not no_start).pk)
