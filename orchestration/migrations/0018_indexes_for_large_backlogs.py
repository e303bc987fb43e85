from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('budget', '0013_indexes_for_large_backlogs'),
        ('orchestration', '0017_agent_done'),
        ('workspaces', '0006_triggers_from_files'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='entry',
            name='entry_by_status',
        ),
        migrations.RemoveIndex(
            model_name='session',
            name='open_sessions',
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(condition=models.Q(('deleted_at__isnull', True)), fields=['workspace', 'status', 'reason_code', 'unmet_dependencies', 'parked_behind', 'not_before', 'reason_at', 'deleted_at'], name='entry_by_state'),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(condition=models.Q(('deleted_at__isnull', True), ('group__gt', '')), fields=['workspace', 'group', 'seq', 'deleted_at'], name='entry_by_group'),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(condition=models.Q(('status__in', ['done', 'failed']), ('deleted_at__isnull', False), _connector='OR'), fields=['workspace', 'account', 'status', 'deleted_at'], name='ended_entries'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['workspace', 'status'], name='session_by_status'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['workspace', 'ended_at', 'outcome'], name='session_by_end'),
        ),
    ]
