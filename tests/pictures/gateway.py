"""Pictures of the gateway: the requests of a session, and an overview while some wait."""

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.pictures import PLACE

SIZE = (1440, 900)


def take(place: Path = PLACE) -> None:
    folder = Path(tempfile.mkdtemp(prefix="muster-pictures-"))
    os.environ |= {"MUSTER_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings", "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
    os.environ |= {"MUSTER_TICK_S": "600"}  # the seed's one tick stays fresh
    import django

    django.setup()
    from django.core.management import call_command

    from tests.dashboard.seeds.server import serving
    from tests.pictures.money import page_of

    try:
        call_command("migrate", verbosity=0)
        workspace, session = _seed()
        with serving() as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = page_of(browser, address, "ana", SIZE)
            for name, path in (("requests", f"sessions/{session}/?tab=requests"), ("waits", "")):
                page.goto(f"{address}/w/{workspace}/{path}")
                page.wait_for_timeout(800)
                page.screenshot(path=place / f"gateway-{name}.png")
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _seed() -> tuple[str, str]:
    """A workspace with three sessions at work, and the one of them with most requests."""
    from orchestration.models import Session
    from tests.dashboard.seeds import entries as seed
    from tests.dashboard.seeds import gateway

    workspace = seed.busy(costs=("", "", ""))  # those at work report nothing: the gateway counts
    running = Session.objects.filter(workspace=workspace, status="running").select_related("hold", "entry")
    first, *others = sorted(running, key=lambda row: -row.hold.free if row.hold else 0)
    gateway.waits_for_money(gateway.at_work(first))
    for other in others:
        access = gateway.an_access(other)
        for _ in range(2):
            gateway.paced(access)
    for each in (first, *others):
        gateway.aged(each)
    return workspace.pk, first.pk
