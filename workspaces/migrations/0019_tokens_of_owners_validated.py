from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0018_tokens_of_owners")]
    operations = [
        *validate(("workspaces_apitoken", "apitoken_role_known"), ("workspaces_apitoken", "token_stands_for_an_owner")),
    ]
