
import django.db.models.deletion
from django.db import migrations, models

from workspaces.triggers import keeping_triggers, without_like_indexes


class Migration(migrations.Migration):

    dependencies = [
        ('orchestration', '0002_promises'),
        ('workspaces', '0002_promises'),
    ]

    operations = keeping_triggers([
        migrations.AddField(
            model_name='entry',
            name='not_before',
            field=models.DateTimeField(blank=True, help_text='It waits for its provider until then.', null=True),
        ),
        migrations.AddField(
            model_name='entry',
            name='provider_waits',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='Sessions in a row that the provider turned away.'),
        ),
        migrations.AddField(
            model_name='executor',
            name='push_error',
            field=models.CharField(blank=True, help_text='Why the last push of the integration branch failed.', max_length=500),
        ),
        migrations.AddField(
            model_name='executor',
            name='pushed_commit',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='executor',
            name='trouble_code',
            field=models.CharField(blank=True, help_text='The breaker: why no agent of this workspace can work at the moment.', max_length=30),
        ),
        migrations.AddField(
            model_name='executor',
            name='trouble_count',
            field=models.PositiveIntegerField(default=0, help_text='Sessions in a row that found it so.'),
        ),
        migrations.AddField(
            model_name='executor',
            name='trouble_message',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='executor',
            name='trouble_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='executor',
            name='trouble_until',
            field=models.DateTimeField(blank=True, help_text='Then one session is tried.', null=True),
        ),
        migrations.AddField(
            model_name='round',
            name='review',
            field=models.JSONField(blank=True, default=dict, help_text='What the interceptor answered, and its prompt.'),
        ),
        migrations.AddField(
            model_name='session',
            name='cost_note',
            field=models.CharField(blank=True, help_text='Where two tellings of its cost differ.', max_length=500),
        ),
        migrations.AddField(
            model_name='session',
            name='failure',
            field=models.CharField(blank=True, help_text='The named failure of its agent, if it had one.', max_length=30),
        ),
        migrations.AddField(
            model_name='session',
            name='waiting_for',
            field=models.CharField(blank=True, help_text="What the agent's provider makes it wait for now.", max_length=300),
        ),
        migrations.AddField(
            model_name='session',
            name='waiting_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='worker',
            name='agents',
            field=models.JSONField(blank=True, default=dict, help_text="The agents' programs found on its host: kind to version."),
        ),
        migrations.AlterField(
            model_name='session',
            name='outcome',
            field=models.CharField(blank=True, choices=[('passed', 'Passed'), ('failed', 'Failed'), ('conflict', 'Conflict'), ('crashed', 'Crashed'), ('timed_out', 'Timed Out'), ('out_of_money', 'Out Of Money'), ('stopped', 'Stopped'), ('interrupted', 'Interrupted'), ('lost', 'Lost'), ('unavailable', 'Unavailable')], max_length=15),
        ),
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('implement', 'Implement'), ('review', 'Review'), ('verify', 'Verify')], max_length=10)),
                ('kind', models.CharField(max_length=30)),
                ('thread_id', models.CharField(max_length=200)),
                ('totals', models.JSONField(blank=True, default=dict, help_text='Token totals that its CLI goes on counting.')),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='conversations', to='orchestration.entry')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('entry', 'role', 'kind'), name='one_conversation_per_role')],
            },
        ),
        migrations.CreateModel(
            name='Secret',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('sealed', models.BinaryField()),
                ('changed_by', models.CharField(max_length=200)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='secrets', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'name'), name='one_secret_per_name')],
            },
        ),
    ]) + [without_like_indexes("orchestration")]
