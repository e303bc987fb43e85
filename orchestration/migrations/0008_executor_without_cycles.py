from django.db import migrations

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    """What the last cycle did is told by the pulse, in Valkey: nobody wrote or read these."""

    dependencies = [
        ('orchestration', '0007_phases_of_sessions'),
    ]

    operations = keeping_triggers([
        migrations.RemoveField(model_name='executor', name='cycled_at'),
        migrations.RemoveField(model_name='executor', name='last_cycle'),
    ])
