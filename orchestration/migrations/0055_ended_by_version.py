from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    """A session that a numbered release began is ended by a numbered one: an older worker charges the whole reservation of a host that is away.
    The next migration installs the trigger, with its own."""

    dependencies = [
        ('orchestration', '0055_files_of_others'),
    ]

    operations = [
        *keeping_triggers([
            migrations.AddField(
                model_name='session',
                name='ended_by_version',
                field=models.CharField(blank=True, db_default='', default='', help_text='The number of the release that ended it.', max_length=20),
            ),
        ]),
    ]
