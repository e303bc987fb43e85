from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0057_triggers")]
    operations = [migrations.AlterModelOptions("forgedelivery", {"verbose_name_plural": "forge deliveries"})]
