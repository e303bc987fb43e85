"""Which backups were written, for the metric of the last one."""

import socket
from datetime import datetime

from django.db.models import Max, Min

from orchestration.models import Backup
from workspaces.models import Workspace


def write(*, is_whole: bool) -> None:
    Backup.objects.create(host=socket.gethostname(), is_whole=is_whole)


def last_whole() -> datetime | None:
    """When the last one that lacked nothing was written; before the first, when the first workspace was added. None: there is none."""
    newest: datetime | None = Backup.objects.filter(is_whole=True).aggregate(at=Max("at"))["at"]
    first: datetime | None = Workspace.objects.aggregate(at=Min("created_at"))["at"]
    return newest or first
