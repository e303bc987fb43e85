from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0028_tests_on_base")]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="estimate",
            field=models.JSONField(
                blank=True, default=dict, help_text="The agent's estimate: chances to pass, micro-USD of a round."
            ),
        ),
    ]
