"""Every component in every state, for people who build pages and for the accessibility checks.

The parts are the real templates with made-up data. They are inert: forms lead nowhere, and no region refreshes.
"""

import itertools
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now

from budget.charts import categories, sparkline
from budget.charts import rounds as rounds_chart
from budget.charts.bullet import Use
from budget.models import Project
from dashboard.shared import header
from dashboard.shared.decorators import logged_in
from dashboard.shared.header import Alert
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import Undo
from dashboard.shared.stop_progress import SessionStop, Stop
from dashboard.shared.texts import labels
from orchestration.models import Entry, Executor, Session
from workspaces.access import Caller
from workspaces.models import Role, Workspace

_LIVE = re.compile(r' (data-live|hx-[a-z-]+="[^"]*"|data-arm="[^"]*"|action="[^"]*"|formaction="[^"]*")')
_NAMED = re.compile(r' (id|for|aria-labelledby|aria-describedby|list)="([^"]+)"')
MICRO = 1_000_000


@logged_in
def page(request: HttpRequest, caller: Caller) -> HttpResponse:
    if not request.user.is_staff:
        raise PermissionDenied("The style guide is for staff")
    parts = Parts(request, caller)
    return render(
        request,
        "shared/styleguide.html",
        {
            "badges": [(state, *labels.BADGES[state]) for state in labels.BADGES],
            "headers": parts.headers(),
            "stops": parts.stops(),
            "banners": parts.banners(),
            "results": parts.results(),
            "amounts": [0, 3_200, 40, 1_234_500_000, -3_200_000, None],
            "spans": [42, 425, 11_520, 187_200],
            "uses": [
                Use(2 * MICRO, MICRO, 10 * MICRO),
                Use(9 * MICRO, 0, 10 * MICRO),
                Use(13 * MICRO, 0, 10 * MICRO),
                Use(MICRO, 0, None),
            ],
            "at": now() - timedelta(minutes=4),
            "spark": sparkline.draw([0, 1, 3, 2, 0, 0, 5, 4]),
            "rounds": rounds_chart.draw(ROUNDS),
            "rounds_table": rounds_chart.table(ROUNDS),
            "bar": categories.draw(categories.Spend(SPENT, 3 * MICRO, 60 * MICRO)),
            "may_budget": True,
            "workspace": parts.workspace,
            "budgets": parts.budgets(),
            "fresh": FRESH,
        },
    )


ROUNDS = [
    rounds_chart.Round(1, 0.31, 1_310_000, "kept"),
    rounds_chart.Round(2, None, 900_000, "failed"),
    rounds_chart.Round(3, 0.3, 2_100_000, "level", estimated=True),
    rounds_chart.Round(4, 0.82, 1_700_000, "kept"),
]
SPENT = {"entry": 31 * MICRO, "orchestrator": 6 * MICRO, "expansion": 2 * MICRO, "interceptor": 4 * MICRO}
FRESH = [
    ("live", "Live 13:04:21 CET"),
    ("final", "■ Final"),
    ("wait", "Reconnecting… data from 13:04:21 CET"),
    ("stale", "Data from 13:04:21 CET, 48s old"),
    ("paused", "‖ Updates paused · 3 waiting"),
    ("out", "Signed out"),
]


class Parts:
    """The real templates with made-up data, each with its own ids, so that many fit on one page."""

    def __init__(self, request: HttpRequest, caller: Caller) -> None:
        self.request = request
        self.workspace = Workspace(pk="ws_styleguide000000", name="Styleguide")
        self.page_request = PageRequest(request, caller, self.workspace, Role.ADMIN)
        self._numbers = itertools.count()

    def render(self, template: str, **context: Any) -> SafeString:
        common = {
            "workspace": self.workspace,
            "page_request": self.page_request,
            "may_operate": True,
            "may_budget": True,
            "page_url": "/styleguide/",
        }
        html = render_to_string(template, common | context, request=self.request)
        number = next(self._numbers)
        inert = _LIVE.sub("", html).replace("<form ", '<form action="#" ')
        inert = re.sub(r'(<section [^>]*aria-label="[^"]+)"', rf'\1 {number}"', inert)
        return mark_safe(_NAMED.sub(lambda m: f' {m[1]}="{m[2]}-{number}"', inert))

    def headers(self) -> list[tuple[str, SafeString]]:
        project = Project(total_spent=31_240_000, max_project_spend=50_000_000, held=7_310_000)
        shown = []
        for state, at_work, stored_state in (
            ("running", 4, "running"),
            ("paused", 0, "paused"),
            ("pausing", 3, "paused"),
            ("stopping", 2, "paused"),
            ("unknown", 4, "running"),
            ("stopped", 0, "stopped"),
        ):
            executor = Executor(workspace=self.workspace, state=stored_state, changed_by="ana")
            facts = {"executor": executor, "shown_state": state, "at_work": at_work, "max_workers": 6, "project": project}
            facts["stop_all"] = header.stop_all(at_work, project.held)
            shown.append((state, self.render("shared/header.html", ticked_at=now(), late_after_s=15, **facts)))
        return shown

    def stops(self) -> list[tuple[str, SafeString]]:
        session_stops = [self._session_stop(seq, state) for seq, state in ((3, "ended"), (7, "waiting"), (9, "silent"))]
        ongoing = Stop("ana", now(), session_stops[:2], dispatch_is_off=True)
        stuck = Stop("ana", now() - timedelta(seconds=20), session_stops, dispatch_is_off=True)
        over = Stop("ana", now(), session_stops[:1], dispatch_is_off=True)
        named = [("under way", ongoing), ("one does not respond", stuck), ("all stopped", over)]
        return [(name, self.render("shared/stop_progress.html", stop=stop)) for name, stop in named]

    def _session_stop(self, seq: int, state: str) -> SessionStop:
        entry = Entry(pk=f"entry_styleguide{seq:04}", seq=seq, content="Made up", workspace=self.workspace)
        session = Session(pk=f"sess_styleguide{seq:04}", entry=entry, outcome="stopped")
        return SessionStop(session, state, timedelta(seconds=0.8) if state == "ended" else None)

    def banners(self) -> list[SafeString]:
        alerts = [
            Alert("bad", "The hard cap of $500.00 is reached: no session starts", "#", "Review cap"),
            Alert("odd", "No tick from the executor", "#", "Diagnostics"),
            Alert("warn", "A review waits for your decision", "#", "Read"),
        ]
        return [self.render("shared/banner.html", alert=alert, more_alerts=n) for n, alert in enumerate(alerts)]

    def results(self) -> list[SafeString]:
        undo = Undo("Undo", "#", {})
        examples = [
            ("good", "Dispatch is paused; running sessions continue", undo),
            ("warn", "No session could start. Not started: no free worker", None),
            ("bad", "The entry is in progress: stop its session first", None),
        ]
        return [
            self.render("shared/message.html", tone=tone, text=sentence, undo=undo, oob=True) for tone, sentence, undo in examples
        ]

    def budgets(self) -> list[SafeString]:
        entry = SimpleNamespace(pk="entry_styleguide", seq=7)
        free = SimpleNamespace(spent=2_340_000, budget=5_000_000, held=500_000, human_locked=False)
        kept = SimpleNamespace(
            spent=4_800_000,
            budget=5_000_000,
            held=0,
            human_locked=True,
            locked_by="bea",
            locked_at=now(),
            locked_reason="agreed in review 14",
        )
        return [self.render("budget/entry_budget.html", entry=entry, account=account) for account in (free, kept)]
