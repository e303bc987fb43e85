"""Where a lander has to look."""

import pytest
from django.utils.timezone import now

from orchestration.landing import branch
from orchestration.models import Executor, Integration
from tests.factories import a_worker, a_workspace

pytestmark = pytest.mark.django_db


def test_a_lander_looks_where_something_is_due_and_the_repository_can_be_used() -> None:
    worker, workspace = a_worker(), a_workspace()
    Integration.objects.create(workspace=workspace, due=False)
    assert branch.due(worker) == []
    branch.wake(workspace.pk)
    assert branch.due(worker) == [workspace.pk]
    Executor.objects.update(repository_code="repository_unusable")
    assert branch.due(worker) == []
    Executor.objects.update(repository_code="")
    type(workspace).objects.update(deleted_at=now())
    assert branch.due(worker) == []
