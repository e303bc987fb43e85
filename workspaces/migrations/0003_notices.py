import django.db.models.deletion
import django.db.models.functions.datetime
import workspaces.values.ids
from django.db import migrations, models

from workspaces.triggers import keeping_triggers, without_like_indexes

class Migration(migrations.Migration):

    dependencies = [
        ('workspaces', '0002_promises'),
    ]

    operations = keeping_triggers([
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('id', models.CharField(default=workspaces.values.ids.channel, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('kind', models.CharField(choices=[('webhook', 'Webhook'), ('email', 'Email')], max_length=7)),
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
        ),
        migrations.CreateModel(
            name='ChannelVerb',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verb', models.CharField(max_length=60)),
                ('channel', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='verbs', to='workspaces.channel')),
            ],
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
            },
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.UniqueConstraint(fields=('workspace', 'name'), name='channel_names_differ'),
        ),
        migrations.AddIndex(
            model_name='channelverb',
            index=models.Index(fields=['channel'], name='verbs_of_channel'),
        ),
        migrations.AddConstraint(
            model_name='channelverb',
            constraint=models.UniqueConstraint(fields=('verb', 'channel'), name='a_verb_once_per_channel'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['due_at'], name='deliveries_due'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['channel', 'id'], name='deliveries_in_order'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('channel', 'event'), name='an_event_once_per_channel'),
        ),
    ]) + [without_like_indexes("workspaces")]
