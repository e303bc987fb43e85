import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orchestration', '0059_named_agents'),
        ('workspaces', '0017_triggers'),
    ]

    operations = [
        migrations.AlterField(
            model_name='executor',
            name='trouble_code',
            field=models.CharField(blank=True, help_text='Unused since agents have circuit breakers of their own: for the release before.', max_length=30),
        ),
        migrations.CreateModel(
            name='ProviderBreaker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('credential', models.CharField(help_text='A variable, a login, or a program.', max_length=200)),
                ('family', models.CharField(blank=True, help_text='Of models. Empty: all of them.', max_length=100)),
                ('count', models.PositiveIntegerField(default=0, help_text='Sessions in a row that found the provider unavailable.')),
                ('code', models.CharField(blank=True, help_text='Why its agents cannot work. Empty: it is closed.', max_length=30)),
                ('message', models.CharField(blank=True, max_length=500)),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('until', models.DateTimeField(blank=True, help_text='Then one session is tried.', null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='provider_breakers', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'credential', 'family'), name='one_breaker_per_credential_and_family')],
            },
        ),
    ]
