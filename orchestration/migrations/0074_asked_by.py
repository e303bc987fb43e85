from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0073_done_at")]
    operations = [
        migrations.AddField(
            "providerbreaker",
            "asked_by",
            models.CharField(
                blank=True,
                choices=[("gateway", "Gateway"), ("session", "Session")],
                db_default="",
                default="",
                help_text="Empty: nobody has asked again about this refusal yet, or the key is another one.",
                max_length=7,
            ),
        ),
    ]
