"""Children that are copies of this process: their exit codes, their files, and whether the code is still the one on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.up import copies

ROOT = Path(__file__).resolve().parents[2]


SCRIPT = """
import json, os, sys
from config.up.copies import Copy

folder = sys.argv[1]

def raises(error):
    raise error

def files():
    os.write(1, f"{os.getsid(0) == os.getpid()} {os.isatty(0)}\\n".encode())
    os.write(2, b"to errors\\n")
    try:
        os.fstat(lock)
    except OSError:
        return 0
    return 9

def unprepared():
    raise OSError("no")

def nothing():
    pass

lock = os.open(folder, os.O_RDONLY)
cases = {
    "well": (lambda: 0, nothing),
    "code": (lambda: 3, nothing),
    "exit": (lambda: sys.exit(4), nothing),
    "end": (lambda: sys.exit(), nothing),
    "words": (lambda: sys.exit("no database"), nothing),
    "error": (lambda: raises(ValueError("broken")), nothing),
    "unprepared": (lambda: 0, unprepared),
    "files": (files, nothing),
}
answers = {}
for name, (main, prepare) in cases.items():
    out, err = (open(f"{folder}/{name}.{stream}", "ab") for stream in ("out", "err"))
    copy = Copy(name, main, prepare=prepare, stdout=out.fileno(), stderr=err.fileno(), keep=())
    code = copy.wait()
    assert copy.poll() == copy.wait() == code
    copy.send_signal(15)
    answers[name] = [code, open(f"{folder}/{name}.out").read(), open(f"{folder}/{name}.err").read().split("\\n")[-2:][0]]
print(json.dumps(answers))
"""


def test_a_copy_ends_as_a_program_does_in_a_session_of_its_own_with_its_own_files(tmp_path: Path) -> None:
    """In a process without the threads of the tests, which no fork keeps."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "well": [0, "", ""],
        "code": [3, "", ""],
        "exit": [4, "", ""],
        "end": [0, "", ""],
        "words": [1, "", "no database"],
        "error": [1, "", "ValueError: broken"],
        "unprepared": [1, "", ""],
        "files": [0, "True False\n", "to errors"],
    }


def test_code_is_outdated_once_a_file_is_changed_added_or_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "ROOT", tmp_path)
    for name in ("app/__init__.py", "app/one.py", "app/two.py", "data/three.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (1000, 1000))
    monkeypatch.setattr(copies, "_loaded", None)
    assert not copies.can_copy() and not copies.is_outdated()
    monkeypatch.setattr(copies, "_loaded", copies._newest_source())
    assert copies.can_copy() and not copies.is_outdated()
    (tmp_path / "data/three.py").write_text("no code of this program")
    assert not copies.is_outdated()
    (tmp_path / "app/two.py").unlink()
    assert copies.is_outdated() and not copies.can_copy()
    assert copies.can_copy(is_new=True), "a child that starts with the others has the code of the others"
    (tmp_path / "app/two.py").write_text("")
    os.utime(tmp_path / "app/two.py", (1000, 1000))
    assert copies.can_copy()
    os.utime(tmp_path / "app/one.py", (2000, 2000))
    assert copies.is_outdated()


def test_an_import_that_starts_a_thread_makes_no_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "quiet_module.py").write_text("import gc\ncollects = gc.isenabled()\n")
    monkeypatch.setattr(copies, "_loaded", None)
    monkeypatch.setattr(copies.gc, "freeze", lambda: None)
    for threads, can_copy in ((1, True), (2, False)):
        monkeypatch.setattr(copies.threading, "active_count", lambda threads=threads: threads)
        copies.load("quiet_module")
        assert copies.can_copy() is can_copy
    assert not sys.modules["quiet_module"].collects, "a collection reads again all that was loaded"
    assert copies.gc.isenabled()


def test_a_module_is_run_with_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core import management

    seen: list[Any] = []
    monkeypatch.setattr(management, "execute_from_command_line", seen.append)
    assert copies.run("manage", ["bootstrap", "-v0"]) == 0
    assert seen == [["manage.py", "bootstrap", "-v0"]]


NAMED = """
import os
from config.up.copies import Copy

def shown():
    os.write(1, open("/proc/self/cmdline", "rb").read() + open("/proc/self/environ", "rb").read())
    return 0

Copy("sessions", shown, prepare=lambda: None, stdout=1, stderr=2, keep=()).wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_ps_names_each_copy_and_the_environment_stays() -> None:
    command, env = [sys.executable, "-c", NAMED], {"MUSTER_SESSION_ID": "42"}
    words, environ = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True).stdout.split(b"MUSTER_", 1)
    assert words.rstrip(b"\0").split(b"\0") == [b"python", b"-m", b"config.up", b"sessions"]
    assert environ.rstrip(b"\0") == b"SESSION_ID=42"
