import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from orchestration.hosts import problems
from orchestration.maintenance.backup import databases
from workspaces.people import login_links


class Command(BaseCommand):
    help = "Prepare the database for `./muster up`; the last line of output is JSON."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self._migrate()
        if not User.objects.exists():
            User.objects.create_superuser("owner")  # without a password: the link logs in
        owner = login_links.owner()
        result = {"login": login_links.link_for(owner) if owner else "", "password_set": login_links.any_password_set()}
        self.stdout.write(json.dumps(result))

    def _migrate(self) -> None:
        if not databases.restored()[1]:
            raise CommandError("A restore was interrupted: run the same ./muster restore again, which goes on where it ended")
        if problems.is_newer():  # else `migrate` still costs most of a second
            from orchestration.maintenance import upgrade  # costs time, which a usual start does not spend

            upgrade.apply(self.stderr)
