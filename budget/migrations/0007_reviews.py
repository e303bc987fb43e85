import budget.amounts.money
import django.db.models.deletion
import django.db.models.functions.datetime
import workspaces.values.ids
from django.db import migrations, models

from workspaces.triggers import keeping_triggers, without_like_indexes

class Migration(migrations.Migration):

    dependencies = [
        ('budget', '0006_limits'),
    ]

    operations = keeping_triggers([
        migrations.AlterField(
            model_name='budgetchange',
            name='source',
            field=models.CharField(choices=[('human', 'Human'), ('admin', 'Admin'), ('allocation', 'Allocation'), ('review', 'Review')], default='human', max_length=10),
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.CharField(default=workspaces.values.ids.review, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('title', models.CharField(max_length=200)),
                ('period_from', models.DateField()),
                ('period_to', models.DateField()),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('open', 'Open'), ('changes_requested', 'Changes Requested'), ('approved', 'Approved'), ('superseded', 'Superseded')], default='draft', max_length=17)),
                ('state_reason', models.CharField(blank=True, max_length=500)),
                ('version', models.PositiveIntegerField(default=0)),
                ('required_approvals', models.PositiveSmallIntegerField(default=1)),
                ('due', models.DateField(blank=True, null=True)),
                ('author', models.CharField(max_length=200)),
                ('author_behind', models.CharField(blank=True, help_text='Who made the token that authored it.', max_length=200)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('requested_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('as_of', models.DateTimeField()),
                ('as_of_ledger', models.BigIntegerField(help_text='The last ledger row that is in it; 0: none yet.')),
                ('total_budget', budget.amounts.money.MoneyField()),
                ('max_project_spend', budget.amounts.money.MoneyField()),
                ('entry_spent', budget.amounts.money.MoneyField()),
                ('orchestrator_spent', budget.amounts.money.MoneyField()),
                ('expansion_spent', budget.amounts.money.MoneyField()),
                ('interceptor_spent', budget.amounts.money.MoneyField()),
                ('total_spent', budget.amounts.money.MoneyField()),
                ('held', budget.amounts.money.MoneyField()),
                ('period_spent', budget.amounts.money.MoneyField(help_text='What was booked in the period, up to the last row.')),
                ('planned', budget.amounts.money.MoneyField(help_text='The budgets of all lines.')),
                ('expected', budget.amounts.money.MoneyField(help_text='What all lines will have cost; what they cost so far where nobody knows.')),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='budget.project')),
            ],
        ),
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('field', models.CharField(choices=[('budget', 'Budget'), ('max_project_spend', 'Cap'), ('total_budget', 'Total')], max_length=20)),
                ('before', budget.amounts.money.MoneyField()),
                ('after', budget.amounts.money.MoneyField()),
                ('lock', models.BooleanField(default=True, help_text='Afterwards only people change it.')),
                ('reason', models.CharField(max_length=500)),
                ('account', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='budget.account')),
                ('review', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to='budget.review')),
            ],
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField()),
                ('reviewer', models.CharField(max_length=200)),
                ('verdict', models.CharField(choices=[('approve', 'Approve'), ('request_changes', 'Request Changes')], max_length=15)),
                ('note', models.CharField(max_length=2000)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('review', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='budget.review')),
            ],
        ),
        migrations.CreateModel(
            name='ReviewLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('title', models.CharField(max_length=200)),
                ('status', models.CharField(max_length=20)),
                ('budget', budget.amounts.money.MoneyField()),
                ('human_locked', models.BooleanField()),
                ('spent', budget.amounts.money.MoneyField()),
                ('interceptor_spent', budget.amounts.money.MoneyField()),
                ('period_spent', budget.amounts.money.MoneyField()),
                ('rounds', models.PositiveIntegerField()),
                ('forecast', budget.amounts.money.MoneyField(blank=True, help_text='What it will have cost at its end; empty: not known.', null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='budget.account')),
                ('review', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='budget.review')),
            ],
        ),
        migrations.CreateModel(
            name='Comment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('author', models.CharField(max_length=200)),
                ('text', models.CharField(max_length=5000)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('review', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='comments', to='budget.review')),
                ('line', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='comments', to='budget.reviewline')),
            ],
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.UniqueConstraint(fields=('project', 'number'), name='review_numbers_differ'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(('required_approvals__in', [1, 2])), name='one_or_two_approvals'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(('period_from__lte', models.F('period_to'))), name='a_period_has_an_order'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.UniqueConstraint(fields=('review', 'account'), name='one_proposal_per_entry'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.UniqueConstraint(condition=models.Q(('account__isnull', True)), fields=('review', 'field'), name='one_proposal_per_cap'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('account__isnull', False), ('field', 'budget')), models.Q(models.Q(('field', 'budget'), _negated=True), ('account__isnull', True)), _connector='OR'), name='an_entry_has_a_budget_only'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(('after__gte', 0)), name='proposed_amount'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.UniqueConstraint(fields=('review', 'version', 'reviewer'), name='one_decision_per_version'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(('note', ''), _negated=True), name='a_decision_says_why'),
        ),
        migrations.AddConstraint(
            model_name='reviewline',
            constraint=models.UniqueConstraint(fields=('review', 'position'), name='review_line_places'),
        ),
        migrations.AddConstraint(
            model_name='reviewline',
            constraint=models.UniqueConstraint(fields=('review', 'account'), name='an_entry_once_per_review'),
        ),
    ]) + [
        without_like_indexes("budget"),
    ]
