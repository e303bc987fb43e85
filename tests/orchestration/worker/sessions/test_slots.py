"""Each stage has a slot of its own: a number, ten ports and a name for compose."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestration.models import Round
from orchestration.sessions.stages import slots
from tests.orchestration.worker.sessions.shop import Shop
from workspaces.machine import file_locks


def test_agent_work_and_base_have_the_lowest_free_slots(shop: Callable[..., Shop], tmp_path: Path, settings: Any) -> None:
    settings.AGENT_URL = "http://127.0.0.1:20005"
    note = f'echo "$MUSTER_PHASE $MUSTER_SLOT $MUSTER_PORT $COMPOSE_PROJECT_NAME" >> {tmp_path / "seen"}'
    work = shop(f"{note}; echo yes > ok", setup=[note], verify=[{"name": "ok", "run": f"{note}; test -f ok"}])
    with file_locks.take(settings.DATA_DIR / "locks/slots/1"):  # type: ignore[union-attr]
        session = work.run()
    assert session.outcome == "passed", [round_.findings for round_ in Round.objects.all()]
    of_2, of_3 = (f"{n} 200{n}0 muster-{work.workspace.pk[-8:]}-{n}" for n in (2, 3))
    base = [f"setup {of_3}", f"verification {of_3}", f"verification {of_3}"]  # its check fails, and runs again
    assert (tmp_path / "seen").read_text().splitlines() == [
        *(f"setup {of_2}", f"implementation {of_2}"),
        *base,
        *(f"setup {of_2}", f"verification {of_2}"),
    ]


def test_no_slot_has_ports_that_outgoing_connections_take() -> None:
    firsts = {ephemeral: slots.usable(ephemeral, {20_021})[0] for ephemeral in ("32768 60999", "20000 20019", "1024 65535")}
    assert firsts == {"32768 60999": 0, "20000 20019": 3, "1024 65535": 0}
