"""Entries that were done before it was recorded how: what their landings, pull requests and people say of them, else `unknown`. Not elidable: a database
of any earlier version must come through here."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Exists, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from workspaces.constraints import AddCheck
from workspaces.triggers import keeping_triggers

MARKED, REOPENED = "entry.marked_done", ("entry.reopened", "entry.reverified", "entry.released")


def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """In a number of statements that does not depend on how many entries there are."""
    entry_model = apps.get_model("orchestration", "Entry")
    if schema_editor.connection.vendor == "postgresql":  # nobody adds another one until the constraint is there
        schema_editor.execute("LOCK TABLE orchestration_entry IN SHARE ROW EXCLUSIVE MODE")
    done = entry_model.objects.filter(status="done", done_way="")
    done.filter(is_container=True).update(done_way="children")
    _closed(apps, done)
    _merged(apps, done)
    _landed(apps, done)
    done.update(done_way="unknown")
    if schema_editor.connection.vendor == "postgresql":  # it alters no table while checks of foreign keys are due
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _closed(apps: StateApps, done: QuerySet) -> None:
    """A person marked it done, after whatever had landed of it."""
    event = apps.get_model("workspaces", "Event")
    marked = event.objects.filter(object_id=OuterRef("pk"), verb=MARKED, actor__gt="").order_by("-pk")
    since = event.objects.filter(object_id=OuterRef("pk"), verb__in=REOPENED, pk__gt=OuterRef("marked"))
    landed = _landings(apps).filter(ended_at__gt=OuterRef("marked_at"))
    merged = _pulls(apps).filter(ended_at__gt=OuterRef("marked_at"))
    rows = done.annotate(marked=Subquery(marked.values("pk")[:1]), marked_at=Subquery(marked.values("at")[:1]))
    rows = rows.filter(~Exists(since), ~Exists(landed), ~Exists(merged), marked__isnull=False)
    by = {"done_by": Subquery(marked.values("actor")[:1]), "done_reason": Subquery(marked.values("reason")[:1])}
    done.filter(pk__in=rows.values("pk")).update(done_way="closed", **by)


def _merged(apps: StateApps, done: QuerySet) -> None:
    """The forge merged it; a landing that Muster wrote afterwards counts instead."""
    pull = _pulls(apps).order_by("-ended_at", "-pk")
    later = _landings(apps).filter(intent__isnull=False, ended_at__gt=OuterRef("merged_at"))
    rows = done.annotate(merged_at=Subquery(pull.values("ended_at")[:1])).filter(~Exists(later), merged_at__isnull=False)
    done.filter(pk__in=rows.values("pk")).update(done_way="merged", done_pull_request_id=Subquery(pull.values("pk")[:1]))


def _landed(apps: StateApps, done: QuerySet) -> None:
    landing = _landings(apps).order_by("-ended_at", "-pk")
    newest = apps.get_model("orchestration", "Round").objects.filter(entry=OuterRef("pk")).order_by("-number")
    round_ = Coalesce(Subquery(landing.values("round__number")[:1]), Subquery(newest.values("number")[:1]), output_field=IntegerField())
    commit = landing.annotate(at=Coalesce(F("intent__new"), F("commit")))
    rows = done.annotate(of=round_).filter(Exists(landing), of__isnull=False)
    done.filter(pk__in=rows.values("pk")).update(done_way="landed", done_commit=Subquery(commit.values("at")[:1]), done_round=round_)


def _landings(apps: StateApps) -> QuerySet:
    return apps.get_model("orchestration", "Landing").objects.filter(entry=OuterRef("pk"), state="landed", commit__gt="")


def _pulls(apps: StateApps) -> QuerySet:
    return apps.get_model("orchestration", "PullRequest").objects.filter(entry=OuterRef("pk"), state="merged", ended_at__isnull=False)


class Migration(migrations.Migration):

    dependencies = [('orchestration', '0048_done_ways')]

    operations = keeping_triggers([
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=False),
        AddCheck(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_way__gt', ''), ('status', 'done')), models.Q(models.Q(('status', 'done'), _negated=True), ('done_way', '')), _connector='OR'), name='done_in_one_way'),
        ),
        AddCheck(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('done_way__in', ['', 'unknown']), models.Q(('done_commit__gt', ''), ('done_round__isnull', False), ('done_way', 'landed')), models.Q(('done_pull_request__isnull', False), ('done_way', 'merged')), models.Q(('done_by__gt', ''), ('done_way', 'closed')), models.Q(('done_way', 'children'), ('is_container', True)), models.Q(('done_round__isnull', False), ('done_way', 'nothing_to_do')), _connector='OR'), name='each_way_has_its_parts'),
        ),
    ])
