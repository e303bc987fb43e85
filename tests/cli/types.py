"""`python -m tests.cli.types`: mypy on the package of cli/, with the client that its build generates."""

import os
import subprocess
import sys

from tests.cli.package import CLI, SOURCE, client

if __name__ == "__main__":
    path = os.pathsep.join([str(client()), str(SOURCE)])
    checked = [str(SOURCE / "muster_cli"), str(CLI / "generate.py")]
    sys.exit(subprocess.call([sys.executable, "-m", "mypy", *checked], cwd=CLI.parent, env=os.environ | {"MYPYPATH": path}))
