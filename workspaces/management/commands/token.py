"""`./muster token create NAME`: prints the token alone on stdout."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workspaces.access import Caller
from workspaces.models import Role, Workspace
from workspaces.people import tokens


class Command(BaseCommand):
    help = "Create an API token. Only the token is printed: it cannot be read again."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="create a token and print it")
        create.add_argument("name")
        create.add_argument("--role", choices=Role.values, default=Role.ADMIN)
        create.add_argument("--workspace", metavar="ID", help="only this workspace; without it, every workspace")

    def handle(self, *args: Any, name: str, role: str, workspace: str | None = None, **options: Any) -> None:
        limited_to = None
        if workspace is not None:
            limited_to = Workspace.objects.filter(pk=workspace, deleted_at__isnull=True).first()
            if limited_to is None:
                raise CommandError(f"There is no workspace {workspace!r}. See ./muster workspace list")
        by = Caller("command line")
        _, secret = tokens.issue(name, role=role, workspace=limited_to, expires_at=None, by=by, reason="made on the command line")
        self.stdout.write(secret)
