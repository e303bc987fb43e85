from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0027_children")]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="tests_on_base",
            field=models.JSONField(
                blank=True, default=dict, help_text="What its tests said on the commit that the run read."
            ),
        ),
    ]
