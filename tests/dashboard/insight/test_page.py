"""The page of insight: figures, their comparison, and where they lead."""

import pytest
from django.test import Client

from tests.dashboard.overview.test_page import text_of
from tests.dashboard.seeds.money_cast import bea, day
from workspaces.models import Workspace

__all__ = ["bea", "day"]


def at(workspace: Workspace) -> str:
    return f"/w/{workspace.pk}/insight/"


@pytest.mark.parametrize("by", ["", "agent", "group", "person", "day"])
def test_every_tab_has_figures(bea: Client, day: Workspace, by: str) -> None:
    assert "Per landed" in text_of(bea, at(day), by=by)
