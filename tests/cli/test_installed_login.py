"""A login of the installed command at a real Muster: the code is confirmed on its page, by HTTP alone."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest

from tests.cli.test_installed import program, run, wheel
from tests.faults.conftest import data, start
from tests.faults.harness import Running, until
from tests.faults.test_kills import QUICK

__all__ = ["data", "program", "start", "wheel"]


class Browser:
    """A person who has followed their login link."""

    def __init__(self, up: Running) -> None:
        self.url = f"http://127.0.0.1:{up.port}"
        self._opener: OpenerDirector = build_opener(HTTPCookieProcessor(CookieJar()))
        link = re.search(r"(/login/link/\S+)", up.muster("login_link"))
        assert link
        self.get(link[1])

    def get(self, path: str) -> str:
        return str(self._opener.open(f"{self.url}{path}", timeout=20).read().decode())

    def post(self, path: str, **form: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))
        assert token
        body = urlencode({**form, "csrfmiddlewaretoken": token[1]}).encode()
        return str(self._opener.open(Request(f"{self.url}{path}", body), timeout=20).read().decode())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_from_a_code_on_the_terminal_to_a_logout(program: Path, start: Callable[..., Running], tmp_path: Path) -> None:
    up = start(**QUICK)
    browser, environ = Browser(up), {"MUSTER_CONFIG": str(tmp_path / "config.toml")}
    with open(tmp_path / "shown", "w") as shown:
        login = subprocess.Popen(
            [program, "login", browser.url, "-o", "json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=shown,
            text=True,
            env=os.environ | environ,
        )
    until(lambda: "Waiting" in (tmp_path / "shown").read_text(), 30)
    shown_code = re.search(r"type the code (\S+)\n", (tmp_path / "shown").read_text())
    assert shown_code
    code = shown_code[1]
    with pytest.raises(HTTPError, match="400"):
        browser.post("/account/device/", code="BBBB-BBBB", decision="confirm")
    seen = browser.post("/account/device/", code=code)
    assert "muster-cli/" in seen and "127.0.0.1" in seen and "Log it in" in seen
    assert "gets its token" in browser.post("/account/device/", code=code, decision="confirm")
    out, _ = login.communicate(timeout=60)
    assert login.returncode == 0 and json.loads(out)["url"] == browser.url
    assert run(program, "workspaces", **environ).returncode == 0
    assert "yours in each" in browser.get("/account/tokens/")
    secret = re.search(r'token = "(\w.*)"', (tmp_path / "config.toml").read_text())
    assert secret and run(program, "logout", **environ).returncode == 0
    assert run(program, "workspaces", **environ).returncode == 4
    ended = run(program, "workspaces", MUSTER_URL=browser.url, MUSTER_TOKEN=secret[1], **environ)
    assert ended.returncode == 4 and "MUSTER_TOKEN is set" in ended.stderr

    waiting = subprocess.Popen([program, "login", browser.url], stderr=subprocess.PIPE, text=True, env=os.environ | environ)
    assert waiting.stderr and "type the code" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    assert "Traceback" not in waiting.communicate(timeout=30)[1] and waiting.returncode == 130
