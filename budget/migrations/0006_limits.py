"""Caps of their own by category and day, permits, days, warning thresholds: kept and judged by triggers, like the cap itself.

The project's row is still what all wait for. Days, limits and crossings lie behind it: they are written only with its lock.
"""

from datetime import UTC
from typing import Any

import budget.models.accounts
import budget.amounts.money
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models import Sum
from django.db.models.functions import TruncDate

from workspaces.triggers import keeping_triggers, sql, without_like_indexes

CAP = "muster: project cap reached"
BUDGET = "muster: entry budget reached"
LIMIT = "muster: limit reached"

TODAY = {"postgresql": "(now() AT TIME ZONE 'UTC')::date", "sqlite": "date('now')"}
LEFT = "CASE WHEN h.amount > h.drawn THEN h.amount - h.drawn ELSE 0 END"
NOW = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"


def spent(limit: str, vendor: str) -> str:
    """What counts against a row of budget_limit, by its own category and period."""
    return f"""(CASE {limit}.period WHEN 'day' THEN
        coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = {limit}.project_id
            AND d.day = {TODAY[vendor]} AND ({limit}.category = 'total' OR d.category = {limit}.category)), 0)
        ELSE (SELECT CASE {limit}.category WHEN 'entry' THEN p.entry_spent WHEN 'orchestrator' THEN p.orchestrator_spent
            WHEN 'expansion' THEN p.expansion_spent ELSE p.interceptor_spent END
            FROM budget_project p WHERE p.workspace_id = {limit}.project_id) END)"""


def held(limit: str) -> str:
    return f"""coalesce((SELECT sum({LEFT}) FROM budget_hold h WHERE h.project_id = {limit}.project_id AND h.state = 'open'
        AND ({limit}.category = 'total' OR h.category = {limit}.category)), 0)"""


def mark(where: str, vendor: str) -> str:
    """Note the limits that are reached, each once a day (over the whole life: once until it is raised)."""
    return f"""UPDATE budget_limit SET reached_on = {TODAY[vendor]} WHERE {where}
        AND (reached_on IS NULL OR (period = 'day' AND reached_on < {TODAY[vendor]}))
        AND amount <= {spent("budget_limit", vendor)}"""


def day(vendor: str) -> str:
    """After the project's row, so that its lock keeps the day's row as well."""
    stamp = "(NEW.at AT TIME ZONE 'UTC')::date" if vendor == "postgresql" else "date(NEW.at)"
    return f"""INSERT INTO budget_dayspend (project_id, day, category, amount) VALUES (NEW.project_id, {stamp}, NEW.category, NEW.amount)
        ON CONFLICT (project_id, day, category) DO UPDATE SET amount = budget_dayspend.amount + excluded.amount"""


def past_a_limit(vendor: str, mine: str) -> str:
    return f"EXISTS (SELECT 1 FROM budget_limit l WHERE {mine} AND {spent('l', vendor)} + {held('l')} > l.amount)"


MINE = "l.project_id = NEW.project_id AND l.category IN ('total', NEW.category)"
HAS_GROWN = "NEW.state = 'open' AND NEW.amount > OLD.amount"
CHARGED = "project_id = NEW.project_id AND category IN ('total', NEW.category)"

LEDGER = sql(
    postgresql=[
        f"""CREATE OR REPLACE FUNCTION budget_ledger_counts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.hold_id IS NOT NULL THEN
                UPDATE budget_hold SET drawn = drawn + NEW.amount WHERE id = NEW.hold_id;
            END IF;
            IF NEW.category = 'entry' THEN
                -- The account before its round: drawing a hold locks the account too, and the other order would deadlock.
                UPDATE budget_account SET spent = spent + NEW.amount WHERE id = NEW.account_id;
                INSERT INTO budget_roundspend AS r (account_id, number, cost) VALUES (NEW.account_id, NEW.round, NEW.amount)
                    ON CONFLICT (account_id, number) DO UPDATE SET cost = r.cost + excluded.cost;
                UPDATE budget_project SET entry_spent = entry_spent + NEW.amount WHERE workspace_id = NEW.project_id;
            ELSIF NEW.category = 'interceptor' THEN
                UPDATE budget_account SET interceptor_spent = interceptor_spent + NEW.amount WHERE id = NEW.account_id;
                UPDATE budget_project SET interceptor_spent = interceptor_spent + NEW.amount WHERE workspace_id = NEW.project_id;
            ELSIF NEW.category = 'expansion' THEN
                UPDATE budget_project SET expansion_spent = expansion_spent + NEW.amount WHERE workspace_id = NEW.project_id;
            ELSE
                UPDATE budget_project SET orchestrator_spent = orchestrator_spent + NEW.amount WHERE workspace_id = NEW.project_id;
            END IF;
            {day("postgresql")};
            {mark(CHARGED, "postgresql")};
            RETURN NULL;
        END $$""",
    ],
    # SQLite promises no order among the triggers of one event: these two need the others' work, so they hang on what those write.
    sqlite=[
        f"""CREATE TRIGGER budget_ledger_counts_day AFTER INSERT ON budget_ledgerentry BEGIN
            {day("sqlite")};
        END""",
        f"""CREATE TRIGGER budget_days_mark_limits_new AFTER INSERT ON budget_dayspend BEGIN
            {mark(f"{CHARGED} AND period = 'day'", "sqlite")};
        END""",
        f"""CREATE TRIGGER budget_days_mark_limits AFTER UPDATE OF amount ON budget_dayspend BEGIN
            {mark(f"{CHARGED} AND period = 'day'", "sqlite")};
        END""",
        f"""CREATE TRIGGER budget_project_marks_limits
            AFTER UPDATE OF entry_spent, orchestrator_spent, expansion_spent, interceptor_spent ON budget_project BEGIN
            {mark("project_id = NEW.workspace_id AND period = 'all'", "sqlite")};
        END""",
    ],
)

HOLDS = sql(
    postgresql=[
        f"""CREATE OR REPLACE FUNCTION budget_holds_open() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE wanted bigint; granted bigint;
        BEGIN
            SELECT count(DISTINCT account_id) INTO wanted FROM opened WHERE state = 'open';
            WITH sums AS (SELECT account_id, sum(amount) AS amount FROM opened WHERE state = 'open' GROUP BY account_id),
                moved AS (UPDATE budget_account a SET held = a.held + sums.amount FROM sums
                    WHERE a.id = sums.account_id AND a.spent + a.held + sums.amount <= a.budget RETURNING 1)
                SELECT count(*) INTO granted FROM moved;
            IF granted < wanted THEN RAISE EXCEPTION '{BUDGET}' USING ERRCODE = '23514'; END IF;
            SELECT count(DISTINCT project_id) INTO wanted FROM opened WHERE state = 'open';
            WITH sums AS (SELECT project_id, sum(amount) AS amount FROM opened WHERE state = 'open' GROUP BY project_id),
                moved AS (UPDATE budget_project p SET held = p.held + sums.amount FROM sums
                    WHERE p.workspace_id = sums.project_id
                    AND p.entry_spent + p.orchestrator_spent + p.expansion_spent + p.interceptor_spent
                        + p.held + sums.amount <= p.max_project_spend RETURNING 1)
                SELECT count(*) INTO granted FROM moved;
            IF granted < wanted THEN RAISE EXCEPTION '{CAP}' USING ERRCODE = '23514'; END IF;
            -- A statement of its own, after the lock: it sees what everybody before us has committed.
            IF {past_a_limit("postgresql", "EXISTS (SELECT 1 FROM opened o WHERE o.state = 'open' AND o.project_id = l.project_id AND l.category IN ('total', o.category))")}
            THEN RAISE EXCEPTION '{LIMIT}' USING ERRCODE = '23514'; END IF;
            RETURN NULL;
        END $$""",
        f"""CREATE OR REPLACE FUNCTION budget_hold_moves() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE change bigint;
        BEGIN
            IF OLD.state = 'settled' AND NEW.state = 'open' THEN
                RAISE EXCEPTION 'muster: a settled hold stays settled' USING ERRCODE = '23514';
            END IF;
            change := CASE NEW.state WHEN 'open' THEN greatest(NEW.amount - NEW.drawn, 0) ELSE 0 END
                    - CASE OLD.state WHEN 'open' THEN greatest(OLD.amount - OLD.drawn, 0) ELSE 0 END;
            IF change <> 0 THEN
                IF NEW.account_id IS NOT NULL THEN
                    UPDATE budget_account SET held = held + change
                        WHERE id = NEW.account_id AND (NEW.amount <= OLD.amount OR spent + held + change <= budget);
                    IF NOT FOUND THEN RAISE EXCEPTION '{BUDGET}' USING ERRCODE = '23514'; END IF;
                END IF;
                UPDATE budget_project SET held = held + change
                    WHERE workspace_id = NEW.project_id AND (NEW.amount <= OLD.amount OR
                    entry_spent + orchestrator_spent + expansion_spent + interceptor_spent + held + change <= max_project_spend);
                IF NOT FOUND THEN RAISE EXCEPTION '{CAP}' USING ERRCODE = '23514'; END IF;
                IF {HAS_GROWN} AND {past_a_limit("postgresql", MINE)}
                THEN RAISE EXCEPTION '{LIMIT}' USING ERRCODE = '23514'; END IF;
            END IF;
            RETURN NULL;
        END $$""",
    ],
    sqlite=[
        f"""CREATE TRIGGER budget_holds_open_within_limits AFTER INSERT ON budget_hold WHEN NEW.state = 'open' BEGIN
            SELECT RAISE(ABORT, '{LIMIT}') WHERE {past_a_limit("sqlite", MINE)};
        END""",
        f"""CREATE TRIGGER budget_holds_grow_within_limits AFTER UPDATE ON budget_hold WHEN {HAS_GROWN} BEGIN
            SELECT RAISE(ABORT, '{LIMIT}') WHERE {past_a_limit("sqlite", MINE)};
        END""",
    ],
)

REACHED = sql(
    postgresql=[
        f"""CREATE FUNCTION budget_limit_is_set() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN {mark("id = NEW.id", "postgresql")}; RETURN NULL; END $$""",
        """CREATE TRIGGER budget_limit_is_set AFTER INSERT OR UPDATE OF amount ON budget_limit
            FOR EACH ROW EXECUTE FUNCTION budget_limit_is_set()""",
        """CREATE FUNCTION budget_limit_is_reached() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO workspaces_event (workspace_id, at, actor, actor_kind, verb, object_id, data, reason, request_id) VALUES (
                NEW.project_id, now(), 'muster', 'automation', 'budget.limit', NEW.project_id, jsonb_build_object('category', NEW.category,
                'period', NEW.period, 'limit_usd', trim_scale(NEW.amount::numeric / 1000000)), '', '');
            RETURN NULL;
        END $$""",
        """CREATE TRIGGER budget_limit_is_reached AFTER UPDATE OF reached_on ON budget_limit FOR EACH ROW
            WHEN (NEW.reached_on > coalesce(OLD.reached_on, '-infinity'::date))
            EXECUTE FUNCTION budget_limit_is_reached()""",
    ],
    sqlite=[
        *(
            f"CREATE TRIGGER budget_limit_is_{name} AFTER {event} ON budget_limit BEGIN {mark('id = NEW.id', 'sqlite')}; END"
            for name, event in (("made", "INSERT"), ("set", "UPDATE OF amount"))
        ),
        f"""CREATE TRIGGER budget_limit_is_reached AFTER UPDATE OF reached_on ON budget_limit
            WHEN NEW.reached_on > coalesce(OLD.reached_on, '') BEGIN
            INSERT INTO workspaces_event (workspace_id, at, actor, actor_kind, verb, object_id, data, reason, request_id) VALUES (
                NEW.project_id, {NOW}, 'muster', 'automation', 'budget.limit', NEW.project_id, json_object('category', NEW.category,
                'period', NEW.period, 'limit_usd', NEW.amount / 1000000.0), '', '');
        END""",
    ],
)

SPENT = {name: "({0}.entry_spent + {0}.orchestrator_spent + {0}.expansion_spent + {0}.interceptor_spent)".format(name) for name in ("NEW", "OLD")}
MATTERS = f"{SPENT['NEW']} <> {SPENT['OLD']} OR NEW.max_project_spend <> OLD.max_project_spend OR NEW.thresholds <> OLD.thresholds"
ARM = f"""budget_thresholdcrossing SET rearmed_at = %s WHERE project_id = NEW.workspace_id AND rearmed_at IS NULL
    AND NEW.max_project_spend > OLD.max_project_spend AND {SPENT['NEW']} * 100 < percent * NEW.max_project_spend"""
CROSS = f"""INSERT INTO budget_thresholdcrossing (project_id, percent, cap, spent, at)
    SELECT NEW.workspace_id, t.percent, NEW.max_project_spend, {SPENT['NEW']}, %s FROM %s
    WHERE {SPENT['NEW']} > 0 AND {SPENT['NEW']} * 100 >= t.percent * NEW.max_project_spend AND NOT EXISTS (
        SELECT 1 FROM budget_thresholdcrossing c WHERE c.project_id = NEW.workspace_id AND c.percent = t.percent
        AND c.rearmed_at IS NULL) ORDER BY t.percent"""

THRESHOLDS = sql(
    postgresql=[
        f"""CREATE FUNCTION budget_thresholds() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE {ARM % "now()"};
            {CROSS % ("now()", "(SELECT value::int AS percent FROM jsonb_array_elements_text(NEW.thresholds)) t")};
            RETURN NULL;
        END $$""",
        f"""CREATE TRIGGER budget_thresholds AFTER UPDATE ON budget_project FOR EACH ROW WHEN ({MATTERS})
            EXECUTE FUNCTION budget_thresholds()""",
        """CREATE FUNCTION budget_threshold_is_crossed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO workspaces_event (workspace_id, at, actor, actor_kind, verb, object_id, data, reason, request_id) VALUES (
                NEW.project_id, now(), 'muster', 'automation', 'budget.threshold', NEW.project_id, jsonb_build_object('percent', NEW.percent,
                'spent_usd', trim_scale(NEW.spent::numeric / 1000000), 'cap_usd', trim_scale(NEW.cap::numeric / 1000000)), '', '');
            RETURN NULL;
        END $$""",
        """CREATE TRIGGER budget_threshold_is_crossed AFTER INSERT ON budget_thresholdcrossing
            FOR EACH ROW EXECUTE FUNCTION budget_threshold_is_crossed()""",
    ],
    sqlite=[
        f"""CREATE TRIGGER budget_thresholds AFTER UPDATE ON budget_project WHEN {MATTERS} BEGIN
            UPDATE {ARM % NOW};
            {CROSS % (NOW, "(SELECT CAST(value AS integer) AS percent FROM json_each(NEW.thresholds)) t")};
        END""",
        f"""CREATE TRIGGER budget_threshold_is_crossed AFTER INSERT ON budget_thresholdcrossing BEGIN
            INSERT INTO workspaces_event (workspace_id, at, actor, actor_kind, verb, object_id, data, reason, request_id) VALUES (
                NEW.project_id, {NOW}, 'muster', 'automation', 'budget.threshold', NEW.project_id, json_object('percent', NEW.percent,
                'spent_usd', NEW.spent / 1000000.0, 'cap_usd', NEW.cap / 1000000.0), '', '');
        END""",
    ],
)


def fill(apps: Any, schema_editor: Any) -> None:
    """Days from the ledger as it is, and what is crossed already: it is not told again."""
    ledger, project = apps.get_model("budget", "LedgerEntry"), apps.get_model("budget", "Project")
    by_day = ledger.objects.order_by().annotate(day=TruncDate("at", tzinfo=UTC)).values("project_id", "day", "category")
    made = apps.get_model("budget", "DaySpend")
    made.objects.bulk_create([made(**row) for row in by_day.annotate(amount=Sum("amount"))], batch_size=500)
    crossing = apps.get_model("budget", "ThresholdCrossing")
    for row in project.objects.all():
        passed = [p for p in row.thresholds if row.total_spent and row.total_spent * 100 >= p * row.max_project_spend]
        told = {"cap": row.max_project_spend, "spent": row.total_spent}
        crossing.objects.bulk_create([crossing(project=row, percent=percent, **told) for percent in passed])


class Migration(migrations.Migration):

    dependencies = [
        ('budget', '0005_allocation'),
    ]

    operations = [
        *keeping_triggers([
        migrations.CreateModel(
            name='DaySpend',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('category', models.CharField(choices=[('entry', 'Entry'), ('orchestrator', 'Orchestrator'), ('expansion', 'Expansion'), ('interceptor', 'Interceptor')], max_length=12)),
                ('amount', budget.amounts.money.MoneyField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Limit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('category', models.CharField(choices=[('total', 'Total'), ('entry', 'Entry'), ('orchestrator', 'Orchestrator'), ('expansion', 'Expansion'), ('interceptor', 'Interceptor')], max_length=12)),
                ('period', models.CharField(choices=[('all', 'All'), ('day', 'Day')], max_length=3)),
                ('amount', budget.amounts.money.MoneyField()),
                ('reached_on', models.DateField(blank=True, help_text='The UTC day of the last time that it was told as reached.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ThresholdCrossing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('percent', models.PositiveIntegerField()),
                ('cap', budget.amounts.money.MoneyField()),
                ('spent', budget.amounts.money.MoneyField()),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('rearmed_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='hold',
            name='one_open_hold_per_account',
        ),
        migrations.AddField(
            model_name='hold',
            name='category',
            field=models.CharField(choices=[('entry', 'Entry'), ('orchestrator', 'Orchestrator'), ('expansion', 'Expansion'), ('interceptor', 'Interceptor')], db_default=models.Value('entry'), default='entry', max_length=12),
        ),
        migrations.AddField(
            model_name='hold',
            name='expires_at',
            field=models.DateTimeField(blank=True, help_text='When a permit ends by itself.', null=True),
        ),
        migrations.AddField(
            model_name='project',
            name='thresholds',
            field=models.JSONField(db_default=models.Value([50, 75, 90, 100], models.JSONField()), default=budget.models.accounts.usual_thresholds, help_text='Percents of the cap.'),
        ),
        migrations.AlterField(
            model_name='budgetchange',
            name='after',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='budgetchange',
            name='before',
            field=models.BigIntegerField(blank=True, help_text='Empty: there was no limit.', null=True),
        ),
        migrations.AlterField(
            model_name='hold',
            name='account',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='budget.account'),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(condition=models.Q(('expires_at__isnull', False), ('state', 'open')), fields=['expires_at'], name='open_permits'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.UniqueConstraint(condition=models.Q(('expires_at__isnull', True), ('state', 'open')), fields=('account',), name='one_open_hold_per_account'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('account__isnull', False), ('category', 'entry')), models.Q(('account__isnull', True), ('expires_at__isnull', False), models.Q(('category', 'entry'), _negated=True)), _connector='OR'), name='a_hold_without_an_entry_is_a_permit'),
        ),
        migrations.AddField(
            model_name='dayspend',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='days', to='budget.project'),
        ),
        migrations.AddField(
            model_name='limit',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='limits', to='budget.project'),
        ),
        migrations.AddField(
            model_name='thresholdcrossing',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='crossings', to='budget.project'),
        ),
        migrations.AddConstraint(
            model_name='dayspend',
            constraint=models.UniqueConstraint(fields=('project', 'day', 'category'), name='one_spend_per_day'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.UniqueConstraint(fields=('project', 'category', 'period'), name='one_limit_of_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='limit_amount'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.CheckConstraint(condition=models.Q(('category', 'total'), ('period', 'all'), _negated=True), name='the_cap_is_no_limit'),
        ),
        migrations.AddConstraint(
            model_name='thresholdcrossing',
            constraint=models.UniqueConstraint(condition=models.Q(('rearmed_at__isnull', True)), fields=('project', 'percent'), name='a_threshold_fires_once'),
        ),
        ]),
        migrations.RunPython(fill, migrations.RunPython.noop),
        LEDGER,
        HOLDS,
        REACHED,
        THRESHOLDS,
        without_like_indexes("budget"),
    ]
