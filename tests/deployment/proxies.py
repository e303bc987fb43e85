"""nginx and Caddy with the examples of deploy/proxy in front of a Muster that runs: a page, an event stream, git, a large body, a forged address."""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.harness import Client, Running, until
from tests.faults.shop import Shop
from tests.faults.test_upgrade import free_port

EXAMPLES = Path("deploy/proxy")
NAME = "muster.example.com"
UPSTREAM = "127.0.0.1:8765"
TOKEN = "from orchestration.repositories import worker_tokens; print(worker_tokens.header({workspace!r}, {ref!r}))"
COUNTED = """
from workspaces.models import FailedLogin
from workspaces.people import throttle
for address in {addresses!r}: print(FailedLogin.objects.filter(key=throttle._key_of(address)).count())
"""
CLIENT, FORGED = "127.0.0.2", "203.0.113.9"
BIG = 6 * 2**20


def nginx(folder: Path, port: int, upstream: int) -> tuple[list[str], list[str]]:
    """The command that checks the example, and the one that runs it."""
    text = (EXAMPLES / "nginx.conf").read_text().replace(UPSTREAM, f"127.0.0.1:{upstream}")
    plain = free_port()
    for old, new in (("listen [::]:443 ssl;", ""), ("listen [::]:80;", ""), ("listen 443", f"listen 127.0.0.1:{port}")):
        text = text.replace(old, new)
    text = (
        text.replace("listen 80", f"listen 127.0.0.1:{plain}")
        .replace("/etc/ssl/private/", "/etc/ssl/")
        .replace("/etc/ssl", str(folder))
    )
    _certificate(folder)
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}} http {{ access_log off; {temporary}\n{text}\n}}"
    (folder / "nginx.conf").write_text(main if os.getuid() else f"user root; {main}")
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    command = [program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "log")]
    return [*command, "-t"], command


def caddy(folder: Path, port: int, upstream: int) -> tuple[list[str], list[str]]:
    """Caddy's commands, as those of `nginx`. Its certificate is its own, since nobody vouches for the name here."""
    text = (EXAMPLES / "Caddyfile").read_text().replace(UPSTREAM, f"127.0.0.1:{upstream}")
    text = text.replace(f"{NAME} {{", f"https://{NAME}:{port} {{\n\ttls internal")
    options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
    (folder / "Caddyfile").write_text(f"{options}{text}")
    arguments = ["--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    return ["caddy", "validate", *arguments], ["caddy", "run", *arguments]


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    begin = datetime.now(UTC) - timedelta(hours=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=2))
    pem = dated.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / f"{NAME}.pem").write_bytes(pem)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{NAME}.key").write_bytes(key.private_bytes(*plain))


class Site:
    """A Muster through its proxy."""

    def __init__(self, shop: Shop, port: int) -> None:
        self.shop, self.port, self.name = shop, port, f"{NAME}:{port}"
        self.token = {"Authorization": f"Bearer {shop.client._token}"}

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> http.client.HTTPResponse:
        context = ssl._create_unverified_context()
        link = socket.create_connection(("127.0.0.1", self.port), 30, source_address=(CLIENT, 0))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port)
        connection.sock = context.wrap_socket(link, server_hostname=NAME)
        connection.request(method, path, body, {"Host": self.name, **headers})
        return connection.getresponse()

    def answers(self) -> bool:
        try:
            return self.request("GET", "/readyz").status == 200
        except OSError:
            return False

    def problems(self) -> Iterator[str]:
        for problem, holds in (
            ("a page is not served, or its cookie is no secure one", self.serves_a_page),
            ("a change does not come at once in an event stream", self.streams),
            ("a stream stays open after its reader has gone", self.ends_streams),
            ("Muster does not answer a large body in its own words", self.answers_a_large_body),
            ("git cannot fetch and push large packs", self.serves_git),
            ("a client's own X-Forwarded-For is believed", self.keeps_the_address),
        ):
            try:
                if not holds():
                    yield problem
            except (AssertionError, OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
                yield f"{problem}: {error!r}"

    def serves_a_page(self) -> bool:
        response = self.request("GET", "/login/")
        return response.status == 200 and b"Muster" in response.read() and "Secure" in str(response.headers["Set-Cookie"])

    def streams(self) -> bool:
        """True if the event arrives while the stream is open. A proxy that buffers the stream shows no byte for 30 s: the read times out."""
        stream = self.request("GET", f"/api/v1{self.shop.path}/events", **self.token)
        first = stream.fp.readline()
        self.shop.call("POST", "/executor/pause")
        while not stream.fp.readline().startswith(b"event:"):
            pass
        stream.close()
        return bool(first)

    def ends_streams(self) -> bool:
        """Muster refuses the twenty-first at one time."""

        def opened() -> bool:
            stream = self.request("GET", f"/api/v1{self.shop.path}/events", **self.token)
            stream.close()
            return stream.status == 200

        for _ in range(25):
            until(opened, 15, every=0.5)
        return True

    def answers_a_large_body(self) -> bool:
        headers = {**self.token, "Content-Type": "application/json"}
        response = self.request("POST", f"/api/v1{self.shop.path}/todo/entries", b" " * BIG, **headers)
        return 400 <= response.status < 500 and "errors" in json.loads(response.read())

    def serves_git(self) -> bool:
        workspace_id = self.shop.path.split("/")[2]
        url = f"https://{NAME}:{self.port}/git/{workspace_id}"
        ref = "refs/muster/landed/proxy"
        header = self.shop.up.muster("shell", "-v0", "-c", TOKEN.format(workspace=workspace_id, ref=ref)).strip()
        with tempfile.TemporaryDirectory() as folder:
            options = ["-c", "http.sslVerify=false", "-c", f"http.curloptResolve={NAME}:{self.port}:127.0.0.1"]
            options += ["-c", f"http.extraHeader={header}", "-c", "user.name=x", "-c", "user.email=x@localhost"]

            def git(*command: str) -> None:
                subprocess.run(["git", "-C", folder, *options, *command], check=True, capture_output=True, timeout=60)

            git("clone", "-q", url, ".")
            Path(folder, "big").write_bytes(os.urandom(BIG))
            git("add", "big")
            git("commit", "-q", "-m", "big")
            git("push", "-q", "origin", f"HEAD:{ref}")
            git("fetch", "-q", "origin", f"+{ref}:refs/heads/again")
        return bool(self.shop.git("rev-parse", ref))

    def keeps_the_address(self) -> bool:
        """A login with a wrong password counts for the address that the proxy saw."""
        page = self.request("GET", "/login/")
        cookie, form = str(page.headers["Set-Cookie"]).partition(";")[0], page.read().decode()
        csrf = form.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        body = urlencode({"csrfmiddlewaretoken": csrf, "username": "nobody", "password": "wrong"}).encode()
        headers = {"Cookie": cookie, "Origin": f"https://{self.name}", "Content-Type": "application/x-www-form-urlencoded"}
        answer = self.request("POST", "/login/", body, **headers, **{"X-Forwarded-For": FORGED})
        assert answer.status == 200, (answer.status, answer.read()[:300])
        counted = self.shop.up.muster("shell", "-v0", "-c", COUNTED.format(addresses=(CLIENT, "127.0.0.1", FORGED)))
        return counted.split() == ["1", "0", "0"]


def problems_of(example: Callable[[Path, int, int], tuple[list[str], list[str]]], shop: Shop, folder: Path) -> Iterator[str]:
    folder.mkdir(mode=0o700)
    port = free_port()
    check, run = example(folder, port, shop.up.port)
    env = {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    with open(folder / "out", "wb") as out:
        if subprocess.run(check, env=env, stdout=out, stderr=out).returncode:
            yield f"the example is not valid: {(folder / 'out').read_text()[-800:]}"
            return
        proxy = subprocess.Popen(run, env=env, stdout=out, stderr=out)
    try:
        site = Site(shop, port)
        until(site.answers, 20, every=0.1)
        yield from site.problems()
    finally:
        proxy.terminate()
        proxy.wait(20)


def main() -> int:
    count = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {"MUSTER_REPO_ROOTS": name, "MUSTER_BASE_URL": f"https://{NAME}", "MUSTER_ALLOWED_HOSTS": f"{NAME},127.0.0.1"}
        up = Running(folder / "muster" / "data", MUSTER_TRUSTED_PROXIES="127.0.0.1", **settings)
        try:
            until(up.is_ready, 300)
            for example in (nginx, caddy):
                (folder / f"work-{example.__name__}").mkdir()
                shop = Shop(Client(up), folder / f"work-{example.__name__}")
                for problem in problems_of(example, shop, folder / example.__name__):
                    print(f"{example.__name__}: {problem}")
                    count += 1
                up.muster("shell", "-v0", "-c", "from workspaces.models import FailedLogin; FailedLogin.objects.all().delete()")
        finally:
            up.process.terminate()
            up.process.wait(60)
    return count


if __name__ == "__main__":
    sys.exit(main())
