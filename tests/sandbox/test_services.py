"""The services of a workspace run in the stages of its working copies and judgements, each with data of its own."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from orchestration.models import LogChunk, Round
from orchestration.processes import leftovers, stage_probe
from tests.orchestration.worker.sessions.shop import Shop, rounds_of
from tests.sandbox import test_network
from tests.sandbox.test_network_auto import ask

Make = Callable[..., Shop]
port = test_network.port
__all__ = ["ask"]
PRIVATE = {"network": "private"}
SERVER = f"{sys.executable} -m http.server --bind 127.0.0.1 --directory $MUSTER_SERVICE_DIR"


@pytest.fixture(autouse=True)
def _there() -> None:
    if problem := stage_probe.probe().problem:
        pytest.skip(problem)


def web(port: int, ask: str, **more: Any) -> dict[str, Any]:
    """A server of its data on this port."""
    return {"name": "web", "run": f"{SERVER} {port}", "ready": f"{ask} http://127.0.0.1:{port}/ | grep -q listing", **more}


def findings() -> list[Any]:
    return [round_.findings for round_ in Round.objects.all()]


def test_agent_setup_and_checks_use_a_service_on_its_usual_port(shop: Make, port: int, ask: str) -> None:
    """The data of the working copy stay for its next round; a judgement begins with fresh ones, also for a check that runs again."""
    get, put = (
        f"{ask} http://127.0.0.1:{port}",
        "test $(id -u) != 0 && id -un > /dev/null && mkdir -p $MUSTER_SERVICE_DIR/fresh && ",
    )
    add = f"{get}/stays | grep -q of-stays || echo first"
    service = web(port, ask, run=f"{put} touch $MUSTER_SERVICE_DIR/count-$(ls $MUSTER_SERVICE_DIR | wc -l); exec {SERVER} {port}")
    seen = f"{get}/ | grep -o 'count-[0-9]*' | sort -u | tail -n 1"
    work = shop(
        f"{seen} >> rounds; test $(wc -l < rounds) = 2 && echo yes > ok || {add} > /dev/null",
        services=[service],
        setup=[f"{get}/ | grep -q count-1"],
        verify=[{"name": "fresh", "run": f'test "$({seen})" = count-1 && test -f ok'}],
        sandbox=PRIVATE,
    )
    first = work.run()
    assert first.outcome == "failed", findings()
    second = work.run(first.entry)
    assert second.outcome == "passed", findings()
    assert (work.merged("rounds") or "").split() == ["count-1", "count-2"]
    assert leftovers.tree(second.pk, stages=True)[0] == set()


def test_data_are_prepared_once_for_the_same_inputs(shop: Make, port: int, ask: str) -> None:
    """By a judgement of the branch alone. Setuid files, pipes and damaged data are not taken over."""
    odd = "touch odd; chmod 4755 odd; mkfifo pipe; ln -s /etc/shadow link"
    make = f"cp README $MUSTER_SERVICE_DIR/seed; cd $MUSTER_SERVICE_DIR; {odd}"
    check = [{"name": "seeded", "run": f"{ask} http://127.0.0.1:{port}/seed | grep -q hello && test -f ok"}]
    service = web(port, ask, prepare={"run": make, "inputs": ["README"]})
    work = shop("echo yes > ok; date +%N > other", services=[service], verify=check, sandbox=PRIVATE)

    def times_prepared() -> int:
        session = work.run()
        assert session.outcome == "passed", findings()
        lines = [text for chunk in LogChunk.objects.filter(session=session) for _, _, text in chunk.lines]
        return sum(text.startswith("data prepared in") for text in lines)

    assert times_prepared() == 2  # by the working copy for itself, and by the judgement of the base
    [kept] = (settings.DATA_DIR / "prepared" / work.workspace.pk).glob("*/data")
    assert sorted(path.name for path in kept.iterdir()) == ["link", "odd", "seed"]
    assert (kept / "odd").stat().st_mode & 0o7000 == 0
    assert times_prepared() == 0
    (kept / "seed").unlink()
    assert times_prepared() == 2


@pytest.mark.parametrize("run", ["exit 3", "sleep 60", "sleep 60 &"])
def test_a_service_that_is_never_ready_costs_no_round(shop: Make, run: str) -> None:
    work = shop(services=[{"name": "db", "run": f"echo no room; {run}", "ready": "false", "timeout_s": 1}], sandbox=PRIVATE)
    session = work.run()
    assert session.outcome == "crashed"
    assert "The service db" in session.outcome_message and "no room" in session.outcome_message
    assert [round_.verdict for round_ in Round.objects.all()] == ["unverified"]


def test_work_that_breaks_a_service_is_refused_with_its_last_lines(shop: Make, port: int, ask: str) -> None:
    """The agent of the next round is told, and mends it."""
    service = web(port, ask, run=f"test ! -f broken || {{ echo cannot bind; exit 1; }}; exec {SERVER} {port}")
    work = shop(
        "if test -f broken; then grep -q 'cannot bind' $MUSTER_PROMPT_FILE && rm broken && echo yes > ok; else touch broken; fi",
        services=[service],
        sandbox=PRIVATE,
    )
    session = work.run()
    assert session.outcome == "failed"
    [broken] = rounds_of(session)
    assert "The service web ended with 1" in broken.findings[0] and "cannot bind" in broken.findings[0]
    assert work.run(session.entry).outcome == "passed", findings()


def test_a_service_that_dies_during_a_check_is_named_by_its_finding(shop: Make, port: int, ask: str) -> None:
    service = web(port, ask, run=f"{SERVER} {port} & until test -f /tmp/end; do sleep 0.1; done; echo gave up; kill -9 $$")
    check = {
        "name": "end",
        "run": f"test ! -f ok || {{ touch /tmp/end; while {ask} http://127.0.0.1:{port}/ | grep -q listing; do sleep 0.1; done; false; }}",
    }
    work = shop(services=[service], verify=[check], sandbox=PRIVATE)
    session = work.run()
    assert session.outcome == "failed", session.outcome_message
    assert "The service web ended by the signal 9. Last output:\ngave up" in "\n".join(rounds_of(session)[0].findings)
