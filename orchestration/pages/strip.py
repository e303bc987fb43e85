"""The control strip of every page of a workspace: state, freshness, workers, money, and the controls."""

from typing import Any

from orchestration import configuration
from orchestration.models import Executor
from orchestration.pages.scene import Region, Scene


def build(scene: Scene) -> dict[str, Any]:
    executor = scene.executor
    project = scene.project
    at_work = scene.at_work
    return {
        "executor": executor,
        "project": project,
        "at_work": at_work,
        "max_workers": configuration.load(executor.config).max_workers,
        "draining": executor.state == Executor.State.PAUSED and at_work > 0,
        "left": project.max_project_spend - project.total_spent,
    }


STRIP = {"strip": Region("parts/strip.html", build)}
