"""The certified provider `oidc-provider` (npm) on loopback, and a person's browser there."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

SECRET = "s3cret:&+ %"
SOURCE = Path(__file__).with_name("provider.mjs")


class RealProvider:
    """With clients named `muster-<algorithm>-<method>`, as `muster-ES256-post`."""

    def __init__(self, home: Path, redirect: str) -> None:
        self.home, self.redirect, self.port = home, redirect, 0
        self.begin()

    def begin(self) -> None:
        """Start it, or start it again at its address: it has forgotten everything."""
        script = self.home / "provider.mjs"
        script.write_text(SOURCE.read_text())
        command = ["node", str(script), self.redirect, str(self.port)]
        self.process = subprocess.Popen(command, cwd=self.home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def change(self, **what: Any) -> None:
        httpx.post(f"{self.issuer}/test", content=json.dumps(what)).raise_for_status()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class Person:
    """A person at the provider, with a browser that it remembers."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.browser = httpx.Client(timeout=30)

    def follow(self, address: str) -> str:
        """Log in and agree, wherever the provider requests it. Returns the address to which it leads back."""
        provider = urlsplit(address).netloc
        response = self.browser.get(address)
        for _ in range(20):
            if location := response.headers.get("location"):
                target = str(response.url.join(location))
                if urlsplit(target).netloc != provider:
                    return target
                response = self.browser.get(target)
                continue
            action, prompt = (
                re.search(r'action="([^"]+)"', response.text),
                re.search(r'name="prompt" value="(\w+)"', response.text),
            )
            assert action and prompt, f"{response.status_code} {response.text[:2000]}"
            form = {"prompt": prompt[1], "login": self.subject, "password": "x"}
            response = self.browser.post(str(response.url.join(action[1])), data=form)
        raise AssertionError("the provider leads around in circles")
