from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from workspaces.errors import NotFound
from workspaces.people.password_login import codes


class Command(BaseCommand):
    help = "Remove the second factor of a user who has lost the app, the passkeys and the recovery codes."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="a user name")

    def handle(self, *args: Any, user: str, **options: Any) -> None:
        person = User.objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no user {user!r}.")
        try:
            codes.remove_lost(person)
        except NotFound as problem:
            raise CommandError(f"{problem.message}.") from None
        self.stdout.write(f"{user} logs in with the password alone.")
