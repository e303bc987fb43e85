from datetime import UTC
from typing import Any

import budget.models.accounts
import budget.amounts.money
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models import Sum
from django.db.models.functions import TruncDate

from workspaces.triggers import keeping_triggers, without_like_indexes

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
        without_like_indexes("budget"),
    ]
