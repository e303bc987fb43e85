from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from workspaces.people import login_links


class Command(BaseCommand):
    help = "Print a link that logs a user in once, within the hour."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", nargs="?", help="a user name; the first superuser if none is given")

    def handle(self, *args: Any, user: str | None, **options: Any) -> None:
        person = User.objects.filter(username=user, is_active=True).first() if user else login_links.owner()
        if person is None:
            raise CommandError(f"There is no active user {user!r}." if user else "There is no active superuser.")
        self.stdout.write(f"{settings.BASE_URL.rstrip('/')}{login_links.link_for(person)}")
