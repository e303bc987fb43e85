"""The tables as 0023_passkeys leaves them, for an empty database. The squashed migration of `orchestration` creates the triggers."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import workspaces.values.ids
from django.conf import settings
from django.db import migrations, models

from workspaces.triggers import without_like_indexes


class Migration(migrations.Migration):

    replaces = [
        ('workspaces', '0001_initial'),
        ('workspaces', '0002_promises'),
        ('workspaces', '0003_notices'),
        ('workspaces', '0004_channels_wait'),
        ('workspaces', '0005_preferences'),
        ('workspaces', '0006_triggers_from_files'),
        ('workspaces', '0007_tokens_on_record'),
        ('workspaces', '0008_status_words'),
        ('workspaces', '0009_status_words_validated'),
        ('workspaces', '0010_hosts'),
        ('workspaces', '0011_old_events_may_go'),
        ('workspaces', '0012_queue_marks'),
        ('workspaces', '0013_channel_kinds'),
        ('workspaces', '0014_channel_kinds_validated'),
        ('workspaces', '0015_saved_views'),
        ('workspaces', '0016_digests'),
        ('workspaces', '0017_triggers'),
        ('workspaces', '0018_tokens_of_owners'),
        ('workspaces', '0019_tokens_of_owners_validated'),
        ('workspaces', '0020_device_logins'),
        ('workspaces', '0021_tokens_by_provider'),
        ('workspaces', '0022_second_factors'),
        ('workspaces', '0023_passkeys'),
    ]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Workspace',
            fields=[
                ('id', models.CharField(default=workspaces.values.ids.workspace, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('repo', models.CharField(help_text='A path on the server, or the local clone of a git URL.', max_length=1024)),
                ('origin', models.CharField(blank=True, help_text='The git URL it was cloned from, if any.', max_length=1024)),
                ('base_branch', models.CharField(max_length=100)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.CharField(blank=True, max_length=200)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('host_id', models.CharField(blank=True, db_default='', default='', help_text='The host that has it. Empty: every host, at the same path.', max_length=40)),
            ],
        ),
        migrations.CreateModel(
            name='FailedLogin',
            fields=[
                ('key', models.CharField(help_text='The SHA-256 of the name and the address.', max_length=64, primary_key=True, serialize=False)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('since', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='Preferences',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='preferences', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('time_zone', models.CharField(blank=True, help_text="An IANA name. Empty: the server's.", max_length=64)),
                ('theme', models.CharField(choices=[('system', 'As the system has it'), ('light', 'Light'), ('dark', 'Dark')], default='system', max_length=10)),
                ('density', models.CharField(choices=[('normal', 'Normal rows'), ('comfortable', 'Comfortable rows')], default='normal', max_length=15)),
                ('shortcuts', models.BooleanField(default=True, help_text='Single keys do something on pages.')),
            ],
            options={
                'verbose_name_plural': 'preferences',
            },
        ),
        migrations.CreateModel(
            name='QueueMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200)),
                ('aside_until', models.DateTimeField(blank=True, null=True)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='queue_marks', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'key'), name='one_mark_per_item')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('viewer', 'Viewer'), ('operator', 'Operator'), ('budget', 'Budget'), ('admin', 'Admin')], default='viewer', max_length=10)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'workspace'), name='one_role_per_member'), models.CheckConstraint(condition=models.Q(('role__in', ['viewer', 'operator', 'budget', 'admin'])), name='membership_role_known')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('actor', models.CharField(max_length=200)),
                ('actor_kind', models.CharField(choices=[('human', 'Human'), ('automation', 'Automation')], max_length=10)),
                ('verb', models.CharField(max_length=60)),
                ('object_id', models.CharField(blank=True, max_length=60)),
                ('data', models.JSONField(blank=True, default=dict)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('request_id', models.CharField(blank=True, max_length=32)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='workspaces.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'id'], name='event_in_order'), models.Index(fields=['object_id', 'id'], name='event_by_object')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('prefix', models.CharField(editable=False, help_text='The first characters, to recognise it by.', max_length=16)),
                ('role', models.CharField(choices=[('viewer', 'Viewer'), ('operator', 'Operator'), ('budget', 'Budget'), ('admin', 'Admin'), ('owner', "its owner's")], default='viewer', max_length=10)),
                ('session_ref', models.CharField(blank=True, editable=False, max_length=40)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.CharField(blank=True, max_length=200)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('workspace', models.ForeignKey(blank=True, help_text='Empty: every workspace.', null=True, on_delete=django.db.models.deletion.CASCADE, to='workspaces.workspace')),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, help_text='To within an hour.', null=True)),
                ('owner', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
                ('by_provider', models.BooleanField(db_default=False, default=False, editable=False, help_text='Its owner logs in by single sign-on: void where that is switched off.')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('session_ref', ''), _negated=True), fields=['session_ref'], name='token_by_session')],
                'constraints': [models.CheckConstraint(condition=models.Q(('role__in', ['viewer', 'operator', 'budget', 'admin', 'owner'])), name='apitoken_role_known'), models.CheckConstraint(condition=models.Q(models.Q(('role', 'owner'), _negated=True), models.Q(('owner__isnull', False), ('session_ref', ''), ('workspace__isnull', True)), _connector='OR'), name='token_stands_for_an_owner')],
            },
        ),
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('id', models.CharField(default=workspaces.values.ids.channel, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('kind', models.CharField(choices=[('webhook', 'Webhook'), ('email', 'Email'), ('slack', 'Slack'), ('discord', 'Discord'), ('teams', 'Teams')], max_length=7)),
                ('target', models.CharField(help_text='A URL, or addresses with commas between them.', max_length=2000)),
                ('sealed', models.BinaryField(default=bytes, help_text='The signing secret of a webhook.')),
                ('enabled', models.BooleanField(default=True)),
                ('off_because', models.CharField(blank=True, help_text='Why it is off, when Muster switched it off.', max_length=500)),
                ('failures_in_a_row', models.PositiveIntegerField(default=0)),
                ('rests_until', models.DateTimeField(blank=True, help_text='After a failure: nothing goes there before.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.CharField(max_length=200)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='channels', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'name'), name='channel_names_differ'), models.CheckConstraint(condition=models.Q(('kind__in', ['webhook', 'email', 'slack', 'discord', 'teams'])), name='channel_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('query', models.CharField(blank=True, help_text='Empty: the page as it opens.', max_length=2000)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.CharField(blank=True, max_length=200)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('workspace'), django.db.models.functions.text.Lower('name'), name='one_view_per_name')],
            },
        ),
        migrations.CreateModel(
            name='ChannelVerb',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verb', models.CharField(max_length=60)),
                ('channel', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='verbs', to='workspaces.channel')),
            ],
            options={
                'indexes': [models.Index(fields=['channel'], name='verbs_of_channel')],
                'constraints': [models.UniqueConstraint(fields=('verb', 'channel'), name='a_verb_once_per_channel')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('failed', 'Failed')], default='pending', max_length=9)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tried_at', models.DateTimeField(blank=True, null=True)),
                ('took_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('status', models.PositiveIntegerField(blank=True, help_text='What the receiver answered, in HTTP.', null=True)),
                ('answer', models.CharField(blank=True, help_text='The first of what it answered, or what went wrong.', max_length=500)),
                ('channel', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='workspaces.channel')),
                ('event', models.ForeignKey(blank=True, db_index=False, help_text='Empty: a test.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='workspaces.event')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['due_at'], name='deliveries_due'), models.Index(fields=['channel', 'id'], name='deliveries_in_order')],
                'constraints': [models.UniqueConstraint(fields=('channel', 'event'), name='an_event_once_per_channel'), models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'delivered', 'failed'])), name='delivery_state_known')],
            },
        ),
        migrations.CreateModel(
            name='Digest',
            fields=[
                ('channel', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='digest', serialize=False, to='workspaces.channel')),
                ('frequency', models.CharField(choices=[('daily', 'Every day'), ('weekly', 'Every Monday')], max_length=6)),
                ('hour', models.PositiveSmallIntegerField(help_text='0 to 23, in its time zone.')),
                ('time_zone', models.CharField(help_text='An IANA name.', max_length=64)),
                ('due_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('frequency__in', ['daily', 'weekly'])), name='digest_every_day_or_every_week'), models.CheckConstraint(condition=models.Q(('hour__lte', 23)), name='digest_at_an_hour_of_the_day')],
            },
        ),
        migrations.CreateModel(
            name='DeviceLogin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('user_code', models.CharField(max_length=8, unique=True)),
                ('client', models.CharField(help_text='The program, in its own words.', max_length=80)),
                ('address', models.CharField(blank=True, help_text='The address that the server saw.', max_length=45)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('approved', 'Approved'), ('denied', 'Denied'), ('used', 'Used')], default='pending', max_length=10)),
                ('interval_s', models.PositiveIntegerField(help_text='Seconds between two questions of the program.')),
                ('polled_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='device_logins', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['pending', 'denied']), ('user__isnull', True)), models.Q(('state__in', ['approved', 'denied', 'used']), ('user__isnull', False)), _connector='OR'), name='device_login_has_a_person'), models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'approved', 'denied', 'used'])), name='devicelogin_state_known')],
            },
        ),
        migrations.CreateModel(
            name='SecondFactor',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='second_factor', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('sealed_key', models.BinaryField()),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('last_step', models.BigIntegerField(default=0, help_text='The time of the last code: neither it nor an earlier one counts again.')),
                ('handle', models.BinaryField(help_text='Random: the name of the person in their passkeys.', max_length=32, null=True, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('factor', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='recovery_codes', to='workspaces.secondfactor')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('factor', 'digest'), name='recovery_code_once')],
            },
        ),
        migrations.CreateModel(
            name='Passkey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('credential_id', models.BinaryField(max_length=1023, unique=True)),
                ('public_key', models.BinaryField(help_text='As COSE.', max_length=2000)),
                ('sign_count', models.PositiveBigIntegerField(default=0, help_text='Grows with each use; 0 if the device does not count.')),
                ('host', models.CharField(help_text='The host name it was added at: it works there alone.', max_length=253)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('factor', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='passkeys', to='workspaces.secondfactor')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('factor', 'name'), name='one_passkey_per_name')],
            },
        ),
        without_like_indexes('workspaces'),
    ]
