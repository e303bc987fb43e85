"""Plainer help texts: a change of Django's state, not of the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0011_reason_choices")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
        migrations.AlterField(
            model_name='conversation',
            name='totals',
            field=models.JSONField(blank=True, default=dict, help_text='Token totals that its CLI continues to count.'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='provider_waits',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='Sessions in a row that found the provider unavailable.'),
        ),
        migrations.AlterField(
            model_name='executor',
            name='stop_all_at',
            field=models.DateTimeField(blank=True, help_text='When all sessions were last requested to stop.', null=True),
        ),
        migrations.AlterField(
            model_name='executor',
            name='trouble_code',
            field=models.CharField(blank=True, help_text='The circuit breaker: why no agent of this workspace can work now.', max_length=30),
        ),
        migrations.AlterField(
            model_name='executor',
            name='trouble_count',
            field=models.PositiveIntegerField(default=0, help_text='Sessions in a row that found the provider unavailable.'),
        ),
        migrations.AlterField(
            model_name='executor',
            name='version',
            field=models.PositiveBigIntegerField(db_default=0, default=0, help_text='Counts changes of the state: an action from an outdated page is refused.'),
        ),
        migrations.AlterField(
            model_name='session',
            name='anomaly',
            field=models.CharField(blank=True, db_default='', help_text='Its spend is several times the usual rate: reported once, stops nothing.', max_length=300),
        ),
        migrations.AlterField(
            model_name='session',
            name='cost_note',
            field=models.CharField(blank=True, db_default='', default='', help_text='Where two reports of its cost differ.', max_length=500),
        ),
        migrations.AlterField(
            model_name='session',
            name='first_error',
            field=models.PositiveBigIntegerField(blank=True, help_text='The number of the first line of its log with an error.', null=True),
        ),
        migrations.AlterField(
            model_name='session',
            name='hold_after_by',
            field=models.CharField(blank=True, db_default='', help_text='Who requested to put the entry on hold when the round ends.', max_length=200),
        ),
        migrations.AlterField(
            model_name='session',
            name='kill_wanted_at',
            field=models.DateTimeField(blank=True, help_text='When a person requested to skip the grace period.', null=True),
        ),
        migrations.AlterField(
            model_name='session',
            name='phases',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text='[[phase, ISO start time], ...], oldest first; `waiting` while the agent waits for its provider.'),
        ),
        migrations.AlterField(
            model_name='session',
            name='stop_for_good',
            field=models.BooleanField(db_default=False, default=False, help_text='Stopped individually: its entry goes on hold. Stop all only pauses.'),
        ),
        migrations.AlterField(
            model_name='session',
            name='waiting_for',
            field=models.CharField(blank=True, db_default='', default='', help_text='Why the agent waits for its provider now.', max_length=300),
        ),
        migrations.AlterField(
            model_name='worker',
            name='started_ticks',
            field=models.BigIntegerField(help_text='Start time of the process in clock ticks: distinguishes it from a later process with the same pid.'),
        ),
        ]),
    ]
