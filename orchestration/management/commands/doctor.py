"""`./muster doctor`: what this host lacks."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from orchestration.maintenance import doctor


class Command(BaseCommand):
    help = "Say what this host lacks, in sentences. Exits with 1 where something is missing that nothing works without."

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in doctor.examine():
            findings.append(finding)
            mark = "ok" if not finding.problem else "MISSING" if finding.is_needed else "note"
            self.stdout.write(
                f"{mark:<8}{finding.subject}: {finding.is_}" + (f"\n        {finding.problem}." if finding.problem else "")
            )
        if any(finding.problem and finding.is_needed for finding in findings):
            sys.exit(1)
