
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orchestration', '0063_routes'),
        ('workspaces', '0017_triggers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200)),
                ('variable', models.CharField(blank=True, help_text="Agents get its key under this name. Empty: the program's usual one.", max_length=100)),
                ('sealed', models.BinaryField(help_text='Its key. Empty: that of a secret, or of a login.', null=True)),
                ('base_url', models.CharField(blank=True, max_length=500)),
                ('billing', models.CharField(choices=[('paid', 'Paid'), ('plan', 'Plan')], db_default='paid', default='paid', max_length=4)),
                ('stop_at', models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict, help_text='By window: nothing starts once so much of it is used.')),
                ('windows', models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict, help_text='By window: what its provider reported last.')),
                ('changed_by', models.CharField(blank=True, max_length=200)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='credentials', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'name'), name='one_credential_per_name')],
            },
        ),
    ]
