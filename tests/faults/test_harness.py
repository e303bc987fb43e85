"""The processes that tests start do not outlive them, however they end."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.harness import ROOT, Running, is_running, until
from tests.plugins.database import put_migrated

RUN = """
import sys, time
from pathlib import Path
from tests.faults.harness import Running
print(Running(Path(sys.argv[1])).process.pid, flush=True)
time.sleep(60)
"""


def test_a_muster_ends_with_a_test_run_that_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    put_migrated(data)
    with subprocess.Popen([sys.executable, "-c", RUN, str(data)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        up = int(run.stdout.readline())
        until(lambda: "Muster is running" in (tmp_path / "up.out").read_text(), 30)
        run.send_signal(signal.SIGKILL)
    until(lambda: not is_running(up), 10)
    assert Running.leftovers_of(data) == []
