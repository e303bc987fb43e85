
from django.db import migrations, models

from workspaces.triggers import keeping_triggers, without_like_indexes


class Migration(migrations.Migration):

    dependencies = [
        ('budget', '0002_promises'),
    ]

    operations = keeping_triggers([
        migrations.AddField(
            model_name='ledgerentry',
            name='price_version',
            field=models.CharField(blank=True, help_text='The price table that `computed` is from.', max_length=40),
        ),
    ]) + [without_like_indexes("budget")]
