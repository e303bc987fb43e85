from django.db import migrations

from workspaces.triggers import sql, without_like_indexes

# Paths are compared byte by byte: `a/` up to, not including, `a0` is everything under `a`.
BYTEWISE = sql(postgresql=['ALTER TABLE orchestration_filelock ALTER COLUMN path TYPE varchar(1024) COLLATE "C"'], sqlite=[])


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0001_initial")]
    operations = [BYTEWISE, without_like_indexes("orchestration")]
