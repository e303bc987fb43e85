"""Alerts and the Grafana dashboard name metrics and labels that there are."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.metrics.families import LABELS

MONITORING = Path(__file__).resolve().parents[2] / "deploy/monitoring"
EXPRESSIONS = {
    **{
        f"alert {rule['alert']}": rule["expr"]
        for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
    },
}


def queries(item: Any) -> Iterator[str]:
    """The PromQL anywhere in a dashboard: of panels, and of variables."""
    if isinstance(item, dict):
        yield from (item[key] for key in ("expr", "query", "definition") if isinstance(item.get(key), str))
        item = list(item.values())
    if isinstance(item, list):
        for part in item:
            yield from queries(part)


DASHBOARD = [query for query in queries(json.loads((MONITORING / "grafana.json").read_text())) if "muster" in query]


@pytest.mark.parametrize("expression", [*EXPRESSIONS.values(), *DASHBOARD])
def test_each_expression_names_metrics_and_labels_that_there_are(expression: str) -> None:
    names = re.findall(r"\bmuster_\w+", expression)
    assert (names or "up{" in expression) and not set(names) - LABELS.keys()
    grouped = re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression)
    matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    used = {label.strip() for group in grouped for label in group.split(",") if label.strip()} | set(matched)
    known = {label for name in names for label in LABELS[name]} | {"instance", "job"}
    assert used <= known, used - known


def test_the_dashboard_has_queries() -> None:
    assert len(DASHBOARD) > 5
