"""The units are valid where Muster is in /opt/muster. `systemd-analyze` looks for what they start, so they are read in a folder that has it."""

import subprocess
import sys
import tempfile
from pathlib import Path

UNITS = Path("deploy/systemd")


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
    print(done.stdout, end="")
    return int(done.returncode != 0 or bool(done.stdout.strip()))


if __name__ == "__main__":
    sys.exit(main())
