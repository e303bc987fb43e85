from django.db import migrations, models

from workspaces.triggers import keeping_triggers, sql

# A session without a host ran where its worker was, or, of a worker that is gone, on the one host that there was: the workspace's.
FILL = """UPDATE orchestration_session SET host_id = coalesce(
        (SELECT nullif(w.host_id, '') FROM orchestration_worker w WHERE w.id = orchestration_session.worker_id),
        (SELECT o.host_id FROM workspaces_workspace o WHERE o.id = orchestration_session.workspace_id))
    WHERE host_id = ''"""


class Migration(migrations.Migration):
    """Each session names its host. Releases before this one left it empty where one host worked."""

    dependencies = [
        ('orchestration', '0043_no_change_validated'),
        ('workspaces', '0010_hosts'),
    ]

    operations = [
        *keeping_triggers([
            migrations.AlterField(
                model_name='session',
                name='host_id',
                field=models.CharField(blank=True, db_default='', default='', help_text='The host where it runs, from its claim on. Empty: the first host with a free slot takes it.', max_length=40),
            ),
        ]),
        sql(postgresql=[FILL], sqlite=[FILL]),
    ]
