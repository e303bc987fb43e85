"""With `network: private` a working copy and a judgement each have a loopback of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from orchestration.models import Round
from orchestration.processes import leftovers, stage_probe
from orchestration.processes.agent_process import Spec
from orchestration.processes.private_network import PrivateNetwork, addresses_of_host
from tests.orchestration.worker.sessions.shop import Shop, until
from tests.sandbox import test_network
from tests.sandbox.test_network_auto import ask, behind

Make = Callable[..., Shop]
port = other_port = test_network.port
__all__ = ["ask", "behind"]
PRIVATE = {"network": "private"}


@pytest.fixture(autouse=True)
def _there() -> None:
    if problem := stage_probe.probe().problem:
        pytest.skip(problem)


def test_setup_agent_and_checks_share_the_loopback_of_their_stage_alone(shop: Make, port: int, ask: str) -> None:
    """The port of another server of the host is free inside."""
    is_there = f"until {ask} http://127.0.0.1:{port}/ | grep -q 'Directory listing'; do sleep 0.1; done"
    listen = f'({sys.executable} -m http.server {port} --bind 127.0.0.1 & timeout 60 sh -c "{is_there}")'
    work = shop(
        f"{listen} && echo yes > ok", setup=[listen], verify=[{"name": "own", "run": f"{listen} && test -f ok"}], sandbox=PRIVATE
    )
    session = work.run()
    assert session.outcome == "passed", [round_.findings for round_ in Round.objects.all()]
    assert leftovers.tree(session.pk, stages=True)[0] == set()


def test_nothing_of_the_host_answers_inside_but_what_the_config_names(shop: Make, port: int, other_port: int, ask: str) -> None:
    urls = [f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{other_port}/", "http://169.254.169.254/", f"http://[::1]:{port}/"]
    work = shop(
        f"for url in {' '.join(urls)}; do {ask} $url >> ok; done", sandbox={**PRIVATE, "allow": [f"localhost:{other_port}"]}
    )
    session = work.run()
    own, permitted, metadata, sixth = (work.merged("ok") or "").splitlines()
    assert ("refused" in own, "of 127.0.0.1" in permitted, "not permitted" in metadata, "refused" in sixth) == (True,) * 4, (
        session
    )


def test_an_agent_past_the_gateway_reaches_muster_and_other_hosts(shop: Make, port: int, ask: str, settings: Any) -> None:
    settings.GATEWAY_URL, settings.AGENT_URL = "http://127.0.0.1:8767", f"http://127.0.0.1:{port}"
    work = shop(f"{ask} $MUSTER_API_URL/x > ok; ! env | grep -i proxy=", sandbox=PRIVATE)
    session = work.run()
    assert "/api/v1/x of" in (work.merged("ok") or ""), session.outcome_message
    sentence = "Network of Any command (implement): its working copy's own, and other hosts. A command agent talks to its provider itself."
    assert sentence in test_network.log_of(session)


def test_an_agent_alone_reaches_muster_at_another_address_of_its_host(shop: Make, ask: str, settings: Any) -> None:
    server = test_network.ThreadingHTTPServer(("0.0.0.0", 0), test_network.Answers)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = next((network[:-3] for network in addresses_of_host() if network.endswith("/32")), "127.0.1.1")
    settings.AGENT_URL = f"http://{address}:{server.server_address[1]}"
    reach = f"{ask} {settings.AGENT_URL}/x"
    work = shop(f"{reach} > ok", verify=[{"name": "shut out", "run": f"{reach} | grep refused && test -f ok"}], sandbox=PRIVATE)
    session = work.run()
    server.shutdown()
    server.server_close()
    assert session.outcome == "passed", [round_.findings for round_ in Round.objects.all()]
    assert f"/x of {address}" in (work.merged("ok") or "")


@pytest.mark.parametrize("name", ["AGENT_URL", "GATEWAY_URL"])
def test_no_check_reaches_muster_though_the_config_names_its_port(
    shop: Make, port: int, ask: str, settings: Any, name: str
) -> None:
    setattr(settings, name, f"http://127.0.0.1:{port}")
    check = [{"name": "shut out", "run": f"{ask} http://127.0.0.1:{port}/ | grep -q refused"}]
    work = shop(verify=check, sandbox={**PRIVATE, "allow": [f"127.0.0.1:{port}"]})
    session = work.run()
    assert session.outcome == "passed", [round_.findings for round_ in Round.objects.all()]


def test_a_hostile_process_gets_through_no_wall(shop: Make, tmp_path: Path) -> None:
    """The host's addresses, also by the name of an interface; another stage's port; processes, sockets and settings outside."""
    facts, files = tmp_path / "facts.json", [str(tmp_path / name) for name in ("status", "journal")]
    (tmp_path / "hostile.py").write_text(Path(__file__).with_name("hostile_stage.py").read_text())
    (tcp := socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)).listen(500)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("::", 0))
    (abstract := socket.socket(socket.AF_UNIX)).bind(f"\0muster-{os.getpid()}")
    abstract.listen()
    addresses = [network.partition("/")[0] for network in addresses_of_host()]
    scoped = [f"{address}%{name}" for address in addresses if address.startswith("fe80") for _, name in socket.if_nameindex()]
    with tcp, udp, abstract, PrivateNetwork(Spec([], "/", {}, f"other-{os.getpid()}", *files, wall_s=60), ports=[4455]) as other:
        known = {"hosts": ["127.0.0.1", "::1", "169.254.169.254", *addresses, *scoped], "ports": [tcp.getsockname()[1], 4455]}
        known |= {"datagrams": udp.getsockname()[1], "abstract": f"muster-{os.getpid()}", "pids": [other.holder.pid, os.getpid()]}
        facts.write_text(json.dumps(known))
        work = shop(f"{sys.executable} {tmp_path}/hostile.py {facts} > ok", sandbox=PRIVATE)
        session = work.run()
        udp.setblocking(False)
        with pytest.raises(BlockingIOError):
            pytest.fail(udp.recv(100).decode())
    assert (session.outcome, work.merged("ok")) == ("passed", ""), session.outcome_message


def test_a_host_without_a_default_route_has_stages() -> None:
    card = "ip link set lo up && ip link add card type veth peer name other && ip addr add 10.9.9.9/24 dev card && ip link set card up && ip link set other up"
    code = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; import django; django.setup()\n"
    code += "from orchestration.processes import stage_probe; print(stage_probe.probe())"
    command = ["unshare", "-n" if os.geteuid() == 0 else "-rn", "sh", "-c", f'{card} && exec "$0" -c "$1"', sys.executable, code]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "StageProbe(problem='')" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize("victim", ["pasta", "network_holder", "fork_server"])
def test_a_stage_that_is_killed_is_a_fault_of_this_host_and_leaves_nothing(shop: Make, tmp_path: Path, victim: str) -> None:
    (places := tmp_path / "places").mkdir()
    check = [{"name": "slow", "run": f"touch {places}/started; sleep 60", "timeout_s": 90}]
    work = shop(verify=check, sandbox={**PRIVATE, "write": [str(places)]})
    session = work.claim()
    killer = threading.Thread(target=kill, args=(session.pk, victim, places / "started"))
    killer.start()
    work.supervise(session)
    killer.join()
    assert (session.outcome, Round.objects.get().verdict) == ("crashed", "unverified")
    until(lambda: not leftovers.tree(session.pk, stages=True)[0] and not running("pasta", session.pk))


def kill(session_id: str, name: str, started: Path) -> None:
    until(started.exists)
    for pid in running(name, session_id):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def running(name: str, session_id: str) -> list[int]:
    """The processes of the session's stages with this word on their command line."""
    pids = leftovers.tree(session_id, stages=True)[0] - leftovers.tree(session_id)[0]
    return sorted(pid for pid in pids if name in command_line(pid))


def command_line(pid: int) -> str:
    """Empty where it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
