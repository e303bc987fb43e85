from django.db import migrations, models

import workspaces.machine.release
from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    """Workers write the number of their release. One without a number takes no session and lands nothing."""

    dependencies = [
        ('orchestration', '0044_sessions_on_hosts'),
    ]

    operations = [
        *keeping_triggers([
            migrations.AddField(
                model_name='session',
                name='version',
                field=models.CharField(blank=True, db_default='', default='', help_text='The number of the release that claimed it.', max_length=20),
            ),
            migrations.AddField(
                model_name='worker',
                name='version',
                field=models.CharField(blank=True, db_default='', default=workspaces.machine.release.number, help_text='The number of its release. Releases before 0.2.0 write none, and get no session.', max_length=20),
            ),
        ]),
    ]
