"""The units are valid where Muster is in /opt/muster. `systemd-analyze` looks for what they start, so they are read in a folder that has it.
None has a number of its own for the drain: the session worker asks systemd for MUSTER_DRAIN_S."""

import subprocess
import sys
import tempfile
from pathlib import Path

from orchestration.hosts import service_manager

UNITS = Path("deploy/systemd")
STOPS = f"TimeoutStopSec={service_manager.INTERRUPT_S:.0f}"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "opt/muster/muster"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        copies = []
        for unit in sorted(UNITS.iterdir()):
            copy = Path(folder) / unit.name
            copy.write_text(unit.read_text().replace("ExecStart=/opt/muster", f"ExecStart={program.parent}"))
            copies.append(str(copy))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *copies], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    problems = drains()
    print(done.stdout, *problems, sep="\n")
    return int(done.returncode != 0 or bool(done.stdout.strip()) or bool(problems))


def drains() -> list[str]:
    """Each unit gives the time to interrupt; to ask for more, the session worker must be heard."""
    lines = {unit.name: unit.read_text().splitlines() for unit in UNITS.iterdir()}
    problems = [f"{name} needs {STOPS}" for name in lines if STOPS not in lines[name]]
    problems += [
        f"{name} has a second MUSTER_DRAIN_S" for name in lines if any("MUSTER_DRAIN_S=" in line for line in lines[name])
    ]
    return problems + ["Nobody hears the session worker"] * ("NotifyAccess=main" not in lines["muster-sessions.service"])


if __name__ == "__main__":
    sys.exit(main())
