from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    """The database knows what a session begins with, so a claim names only what it decides."""

    dependencies = [
        ('orchestration', '0009_triggers_from_files'),
    ]

    operations = keeping_triggers([
        migrations.AlterField(
            model_name='session',
            name='agent',
            field=models.CharField(blank=True, db_default='', default='', max_length=30),
        ),
        migrations.AlterField(
            model_name='session',
            name='boot_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AlterField(
            model_name='session',
            name='cost_note',
            field=models.CharField(blank=True, db_default='', default='', help_text='Where two tellings of its cost differ.', max_length=500),
        ),
        migrations.AlterField(
            model_name='session',
            name='failure',
            field=models.CharField(blank=True, db_default='', default='', help_text='The named failure of its agent, if it had one.', max_length=30),
        ),
        migrations.AlterField(
            model_name='session',
            name='host',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AlterField(
            model_name='session',
            name='model',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AlterField(
            model_name='session',
            name='outcome',
            field=models.CharField(blank=True, choices=[('passed', 'Passed'), ('failed', 'Failed'), ('conflict', 'Conflict'), ('crashed', 'Crashed'), ('timed_out', 'Timed Out'), ('out_of_money', 'Out Of Money'), ('stopped', 'Stopped'), ('interrupted', 'Interrupted'), ('lost', 'Lost'), ('unavailable', 'Unavailable')], db_default='', default='', max_length=15),
        ),
        migrations.AlterField(
            model_name='session',
            name='outcome_message',
            field=models.CharField(blank=True, db_default='', default='', max_length=500),
        ),
        migrations.AlterField(
            model_name='session',
            name='phase',
            field=models.CharField(choices=[('starting', 'Starting'), ('implementation', 'Implementation'), ('interception', 'Interception'), ('verification', 'Verification'), ('merging', 'Merging')], db_default='starting', default='starting', max_length=15),
        ),
        migrations.AlterField(
            model_name='session',
            name='progress',
            field=models.CharField(blank=True, db_default='', default='', max_length=500),
        ),
        migrations.AlterField(
            model_name='session',
            name='round_number',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='session',
            name='status',
            field=models.CharField(choices=[('claimed', 'Claimed'), ('running', 'Running'), ('ended', 'Ended')], db_default='claimed', default='claimed', max_length=10),
        ),
        migrations.AlterField(
            model_name='session',
            name='stop_for_good',
            field=models.BooleanField(db_default=False, default=False, help_text='Stopped by itself: its entry is then held. Stop all only pauses.'),
        ),
        migrations.AlterField(
            model_name='session',
            name='stop_wanted_by',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AlterField(
            model_name='session',
            name='unpriced_model',
            field=models.CharField(blank=True, db_default='', default='', help_text='A model without a price was used: the cost is not known.', max_length=200),
        ),
        migrations.AlterField(
            model_name='session',
            name='waiting_for',
            field=models.CharField(blank=True, db_default='', default='', help_text="What the agent's provider makes it wait for now.", max_length=300),
        ),
    ])
