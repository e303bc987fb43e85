"""`./muster manage rotate_key`: seals what is stored anew, with MUSTER_SECRET_KEY. `--check`: only says what still needs the other key."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from orchestration.maintenance import key_rotation

NEEDS_THE_OTHER, LOST = 3, 4


class Command(BaseCommand):
    help = "Seal stored secrets anew with MUSTER_SECRET_KEY. Exit code 3: some still need MUSTER_SECRET_KEY_OTHER; 4: neither key opens some."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say what still needs the other key")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        counts = key_rotation.rotate(write=not check)
        for count in counts:
            other = f", {count.other} with the other key" if count.other else ""
            lost = (
                f", {len(count.lost)} that neither key opens, to be set again: {', '.join(count.lost[:20])}" if count.lost else ""
            )
            self.stdout.write(f"{count.what}: {count.current} with MUSTER_SECRET_KEY{other}{lost}")
        self.stdout.flush()
        if any(count.lost for count in counts):
            sys.exit(LOST)
        if any(count.other for count in counts):
            sys.exit(NEEDS_THE_OTHER)
