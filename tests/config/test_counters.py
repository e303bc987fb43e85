"""The counters of `/metrics`: what ended, was charged and used. None ever falls, whoever writes, corrects, deletes or adds up."""

from importlib import import_module

import pytest
from django.db import connection
from prometheus_client.core import Metric

from budget import ledger
from budget.amounts import usd
from budget.ledger import corrections
from budget.models import LedgerEntry, UsageTotal
from orchestration.metrics import Collector, families, outcome_counts
from orchestration.models import Landing, OutcomeCount, Round, Session
from tests.factories import ANA, CLOSED, a_charge, a_session, a_workspace, an_entry, ended, project, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
Sample = tuple[str, ...]


def counters(workspace: Workspace) -> dict[Sample, float]:
    """Those above 0: the metric, and the values of its labels after the workspace."""
    read: dict[Sample, float] = {}
    metric: Metric
    for metric in Collector(workspace.pk).collect():
        for sample in metric.samples if metric.type == "counter" else []:
            labels = [sample.labels[label] for label in families.LABELS[sample.name] if label != "workspace"]
            if sample.value:
                read[sample.name, *labels] = sample.value
    return read


def used(workspace: Workspace, key: str, model: str, **tokens: int) -> None:
    charge = ledger.Charge(key, usd("0.10"), LedgerEntry.PriceSource.REPORTED, category="orchestrator", model=model, **tokens)  # type: ignore[arg-type]
    ledger.charge(project(workspace), charge, actor="agent")


def test_rounds_and_sessions_that_end_are_counted_by_how_they_ended() -> None:
    workspace = a_workspace()
    failed, passed = some_entries(workspace, "One", "Two")
    ended(a_session(failed), outcome="failed")
    ended(a_session(passed), outcome="passed")
    read = counters(workspace)
    assert read["muster_rounds_total", "failed"] == read["muster_rounds_total", "passed"] == 1
    assert read["muster_sessions_ended_total", "implement", "failed"] == 1


def test_an_open_round_and_an_open_landing_count_nothing() -> None:
    entry = an_entry(a_workspace())
    a_session(entry)
    Landing.objects.create(workspace=entry.workspace, entry=entry, commit="a" * 40)
    assert counters(entry.workspace) == {}


@pytest.mark.parametrize("result", ["landed", "refused", "sent_back", "withdrawn"])
def test_a_landing_counts_once_when_it_leaves_the_queue(result: str) -> None:
    entry = an_entry(a_workspace())
    landing = Landing.objects.create(workspace=entry.workspace, entry=entry, commit="a" * 40)
    for _ in range(2):
        Landing.objects.filter(pk=landing.pk).update(state=result)
    assert counters(entry.workspace) == {("muster_landings_total", "entry", result): 1}


def test_a_round_that_gets_another_verdict_counts_again_and_lowers_nothing() -> None:
    entry = an_entry(a_workspace())
    ended(a_session(entry), outcome="failed")
    Round.objects.update(verdict="open")
    Round.objects.update(verdict="passed")
    read = counters(entry.workspace)
    assert (read["muster_rounds_total", "failed"], read["muster_rounds_total", "passed"]) == (1, 1)


def test_rows_that_come_ended_are_counted_too() -> None:
    entry = an_entry(a_workspace())
    Landing.objects.create(workspace=entry.workspace, kind="base", commit="a" * 40, state="landed")
    session = Session.objects.create(workspace=entry.workspace, entry=entry, attempt=1, status="ended", outcome="lost")
    Round.objects.create(entry=entry, session=session, number=1, verdict="unverified")
    assert counters(entry.workspace) == {
        ("muster_landings_total", "base", "landed"): 1,
        ("muster_rounds_total", "unverified"): 1,
        ("muster_sessions_ended_total", "implement", "lost"): 1,
    }


def test_a_deleted_entry_is_still_counted() -> None:
    entry = an_entry(a_workspace())
    ended(a_session(entry), outcome="failed")
    before = counters(entry.workspace)
    type(entry).objects.filter(pk=entry.pk).update(deleted_at=entry.created_at, **CLOSED)
    assert counters(entry.workspace) == before != {}


def test_adding_up_changes_no_count_and_leaves_few_rows() -> None:
    workspace = a_workspace()
    OutcomeCount.objects.bulk_create(
        OutcomeCount(workspace=workspace, of="round", result=result) for result in ["passed"] * 70 + ["failed"] * 3
    )
    before = counters(workspace)
    assert outcome_counts.add_up() == 69
    assert outcome_counts.add_up() == 0
    assert counters(workspace) == before == {("muster_rounds_total", "passed"): 70, ("muster_rounds_total", "failed"): 3}
    assert OutcomeCount.objects.count() == 4


def test_many_rows_are_added_up_in_batches_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome_counts, "BATCH", 30)
    workspace = a_workspace()
    OutcomeCount.objects.bulk_create(OutcomeCount(workspace=workspace, of="round", result="passed") for _ in range(200))
    assert outcome_counts.add_up(until=0) == 0
    outcome_counts.add_up()
    assert OutcomeCount.objects.count() <= outcome_counts.MOST and counters(workspace) == {("muster_rounds_total", "passed"): 200}


def test_tokens_are_counted_by_model_and_kind() -> None:
    workspace = a_workspace()
    used(workspace, "1", "opus", input_tokens=5, output_tokens=7, cache_read_tokens=11, cache_write_tokens=13)
    used(workspace, "2", "opus", input_tokens=100)
    used(workspace, "2", "opus", input_tokens=100)  # the same report again
    used(workspace, "3", "", output_tokens=1)
    read = counters(workspace)
    assert read["muster_spend_usd_total", "orchestrator"] == pytest.approx(0.3), "of all models together"
    assert {key[2:]: number for key, number in read.items() if key[0] == "muster_tokens_total"} == {
        ("opus", "input"): 105,
        ("opus", "output"): 7,
        ("opus", "cache_read"): 11,
        ("opus", "cache_write"): 13,
        ("none", "output"): 1,
    }


def test_an_agent_that_invents_models_makes_no_more_than_fifty_series() -> None:
    workspace = a_workspace()
    for number in range(60):
        used(workspace, str(number), f"model-{number}", input_tokens=1)
    used(workspace, "again", "model-7", input_tokens=1)
    totals = dict(UsageTotal.objects.values_list("model", "input_tokens"))
    assert len(totals) == 51 and totals["other"] == 10 and totals["model-7"] == 2


def test_a_correction_lowers_what_counts_against_the_cap_and_no_counter() -> None:
    entry = an_entry(a_workspace())
    a_charge(entry, "0.50")
    corrections.correct(LedgerEntry.objects.get(), -usd("0.20"), by=ANA, reason="It was not true", key="back")
    assert counters(entry.workspace) == {("muster_spend_usd_total", "entry"): 0.5}
    spent = next(metric for metric in Collector().collect() if metric.name == "muster_spent_usd")
    assert [sample.value for sample in spent.samples if sample.labels["category"] == "entry"] == [pytest.approx(0.3)]


def test_an_upgrade_counts_what_is_on_record() -> None:
    workspace = a_workspace()
    entry, other = some_entries(workspace, "One", "Two")
    ended(a_session(entry), outcome="failed")
    ended(a_session(other), outcome="passed")
    Landing.objects.create(workspace=workspace, entry=entry, commit="a" * 40, state="refused")
    a_charge(entry, "0.50")
    for number in range(52):
        used(workspace, str(number), f"model-{number}", output_tokens=number)
    before, totals = counters(workspace), list(UsageTotal.objects.order_by("category", "model").values_list("model", "charged"))
    OutcomeCount.objects.all().delete()
    UsageTotal.objects.all().delete()
    with connection.cursor() as cursor:
        for statement in import_module("orchestration.migrations.0057_triggers").BEFORE:
            cursor.execute(statement)
        cursor.execute(import_module("budget.migrations.0029_models_of_rounds").USAGE)
    assert counters(workspace) == before
    assert list(UsageTotal.objects.order_by("category", "model").values_list("model", "charged")) == totals
