# Logins of MCP clients by OAuth.

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('workspaces', '0020_device_logins'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RegisteredClient',
            fields=[
                ('id', models.CharField(editable=False, max_length=40, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='In its own words.', max_length=80)),
                ('redirect_uris', models.JSONField()),
                ('address', models.CharField(blank=True, help_text='The address that the server saw.', max_length=45)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                ('approved_at', models.DateTimeField(blank=True, help_text='The last time that a person let it in.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Grant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('client_id', models.CharField(max_length=500)),
                ('client_name', models.CharField(max_length=80)),
                ('redirect_uri', models.CharField(max_length=500)),
                ('resource', models.CharField(help_text='The address that the token is for (RFC 8707).', max_length=500)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('challenge', models.CharField(editable=False, help_text="Of PKCE: the SHA-256 of the program's secret.", max_length=43)),
                ('state', models.CharField(choices=[('approved', 'Approved'), ('used', 'Used'), ('ended', 'Ended')], default='approved', max_length=10)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('token', models.OneToOneField(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='grant', to='workspaces.apitoken')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('state', 'approved'), ('token__isnull', True)), models.Q(('state', 'used'), ('token__isnull', False)), ('state', 'ended'), _connector='OR'), name='grant_has_its_token'), models.CheckConstraint(condition=models.Q(('state__in', ['approved', 'used', 'ended'])), name='grant_state_known')],
            },
        ),
    ]
