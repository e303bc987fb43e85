"""`./muster doctor`: what this host lacks."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from orchestration.maintenance import doctor


class Command(BaseCommand):
    help = "Say what this host lacks, in sentences. Exits with 1 where something is missing that nothing works without."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        lacks = False
        for finding in doctor.examine():
            self.stdout.write(str(finding))
            lacks = lacks or bool(finding.problem and finding.is_needed)
        if lacks:
            sys.exit(1)
