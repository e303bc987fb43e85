from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('budget', '0012_forecasts'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='hold',
            name='open_holds',
        ),
        migrations.AddIndex(
            model_name='account',
            index=models.Index(fields=['project', '-spent', 'id'], name='account_by_spend'),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(fields=['project', 'state'], name='hold_by_state'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['project', 'at', 'category', 'amount'], name='ledger_by_time'),
        ),
    ]
