"""The page of hosts: what each is doing, what it has, and whether it takes new sessions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from budget.models import Hold
from dashboard.hosts import gateways
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import confirm, done
from orchestration.configuration.config import agent_kinds
from orchestration.edge import queries
from orchestration.hosts import draining
from orchestration.maintenance import lost_hosts
from orchestration.models import Session, Worker
from orchestration.sessions.absent_hosts import settling
from workspaces.access import Need
from workspaces.activity.events import counted
from workspaces.errors import Forbidden, NotFound
from workspaces.machine import release

SHOWN_FOR = timedelta(days=1)


@dataclass
class Host:
    """`at_work`: open sessions of this workspace; `others`: of other workspaces. `unreachable`: why it cannot use the workspace's repository."""

    id: str
    name: str
    workers: list[Worker] = field(default_factory=list)
    at_work: list[Session] = field(default_factory=list)
    others: int = 0
    unreachable: str = ""
    awaited: int = 0
    unread: int = 0
    awaits_until: datetime | None = None

    def expect(self, hold: Hold) -> None:
        """It has not said what a session of this workspace spent."""
        self.awaited += max(hold.remainder, 0)
        self.unread += 1
        self.awaits_until = max(filter(None, (self.awaits_until, hold.awaits_until)))

    @property
    def seen_at(self) -> datetime:
        return max(worker.seen_at for worker in self.workers)

    @property
    def online(self) -> list[Worker]:
        """Its session workers that were seen within a lease."""
        return [worker for worker in self.workers if worker.seen_at >= now() - timedelta(seconds=settings.LEASE_S)]

    @property
    def state(self) -> str:
        """stopped: it is online, and has a problem with which it takes nothing."""
        if not self.online:
            return "gone"
        if self.drained_by:
            return "draining"
        return "stopped" if self.problem and not self.slots else "online"

    @property
    def problem(self) -> str:
        return next(filter(None, (worker.trouble for worker in self.online or self.workers)), "") or self.unreachable

    @property
    def drained_by(self) -> str:
        return next((worker.drain_by for worker in self.workers if worker.drain_by), "")

    @property
    def slots(self) -> int:
        """The slots of its workers that are online, or were at last, and are of a release that may run beside this one."""
        return sum(worker.slots for worker in self.online or self.workers if worker.version in release.COMPATIBLE)

    @property
    def versions(self) -> list[str]:
        return sorted({worker.version or "none" for worker in self.online or self.workers})

    @property
    def busy(self) -> int:
        return len(self.at_work) + self.others

    @property
    def agents(self) -> list[tuple[str, str]]:
        programs = {kind: version for worker in self.workers for kind, version in worker.agents.items()}
        return [(agent_kinds.title(kind), version) for kind, version in programs.items() if kind not in queries.OF_HOST]

    @property
    def sandbox(self) -> str:
        return next((worker.agents["sandbox"] for worker in self.workers if "sandbox" in worker.agents), "")

    @property
    def labels(self) -> list[str]:
        return sorted({label for worker in self.workers for label in worker.labels})

    @property
    def free_gib(self) -> float | None:
        known = [worker.free_mb for worker in self.workers if worker.free_mb is not None]
        return min(known) / 1024 if known else None


@require_safe
@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    regions = HEADER | {"hosts": Region("hosts/hosts.html#hosts", _hosts)}
    return render_page(page_request, "hosts/hosts.html", regions)


@require_POST
@in_workspace(Need.OPERATE)
def change(page_request: PageRequest, host_id: str, verb: str) -> HttpResponse:
    """Hosts serve all workspaces, so that only who administers all of them decides."""
    if not page_request.caller.everywhere:
        raise Forbidden("Hosts serve all workspaces: ask an admin of the server")
    if verb == "forget":
        return _forget(page_request, host_id)
    if verb == "drain":
        draining.drain(page_request.caller.name, host_id=host_id)
        return done(page_request, "The host takes no new sessions; those at work go on", tone="warn")
    draining.resume(host_id=host_id)
    return done(page_request, "The host takes sessions again")


def _forget(page_request: PageRequest, host_id: str) -> HttpResponse:
    """Asks first: work that is nowhere else is given up."""
    worker = Worker.objects.filter(host_id=host_id, queue="sessions").first()
    if worker is None:
        raise NotFound("Host not found")
    if not confirmation.is_confirmed(page_request, "forget-host", host_id):
        number = lost_hosts.only_there(host_id)
        return confirm(
            page_request,
            title=f"Forget {worker.host}",
            sentence=f"{worker.host} does not come back. {counted(number, 'entry has', 'entries have')} newest work there that no other host "
            "has: it begins again from what was shared, and the rest is lost. For what its sessions may have spent, an estimate is charged.",
            button=f"Forget {worker.host}",
            action=reverse("host-change", args=[page_request.workspace.pk, host_id, "forget"]),
            fields={"confirm": confirmation.token(page_request, "forget-host", host_id)},
        )
    lost_hosts.forget(host_id, by=page_request.caller)
    return done(page_request, f"{worker.host} is forgotten")


def _hosts(page_request: PageRequest) -> dict[str, Any]:
    """Three queries, and one more where there is a gateway."""
    hosts: dict[str, Host] = {}
    queues = ("sessions", gateways.QUEUE)
    workers = list(Worker.objects.filter(queue__in=queues, seen_at__gt=now() - SHOWN_FOR).order_by("host", "pk"))
    for worker in workers:
        if worker.queue == gateways.QUEUE:
            continue
        host = hosts.setdefault(worker.host_id, Host(worker.host_id, worker.host))
        host.workers.append(worker)
        host.unreachable = host.unreachable or worker.unreachable.get(page_request.workspace.pk, "")
    for session in Session.of_any_role.filter(status__in=Session.OPEN).select_related("entry"):
        at = hosts.get(session.host_id)
        if at is None:
            continue
        if session.workspace_id == page_request.workspace.pk:
            at.at_work.append(session)
        else:
            at.others += 1
    for session in settling.awaiting().filter(workspace=page_request.workspace):
        if session.host_id in hosts and session.hold:
            hosts[session.host_id].expect(session.hold)
    return {
        "hosts": list(hosts.values()),
        "gateways": gateways.of(workers),
        "has_gateway": bool(settings.GATEWAY_URL),
        "may_drain": page_request.caller.everywhere,
    }
