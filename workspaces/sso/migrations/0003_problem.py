from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sso", "0002_second_factors_for_all")]

    operations = [
        migrations.AddField(
            model_name="providerlogin",
            name="problem",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The provider's, at the last try to renew it.",
                max_length=300,
            ),
        ),
    ]
