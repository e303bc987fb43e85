from django.db import migrations

from workspaces.triggers import install, sql, without_like_indexes

# After the triggers: PostgreSQL then lets no charge in until the commit, and none is counted twice or missed.
BEFORE = """WITH named AS (
        SELECT project_id, model, row_number() OVER (PARTITION BY project_id ORDER BY min(id)) AS place
        FROM budget_ledgerentry WHERE model <> '' GROUP BY project_id, model
    ), rows_by_name AS (
        SELECT l.*, CASE WHEN l.model = '' THEN 'none' WHEN n.place <= 50 THEN l.model ELSE 'other' END AS name
        FROM budget_ledgerentry l LEFT JOIN named n ON n.project_id = l.project_id AND n.model = l.model
    )
    INSERT INTO budget_usagetotal
        (project_id, category, model, charged, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens)
    SELECT project_id, category, name, sum(CASE WHEN amount > 0 THEN amount ELSE 0 END),
        sum(CASE WHEN input_tokens > 0 THEN input_tokens ELSE 0 END), sum(CASE WHEN output_tokens > 0 THEN output_tokens ELSE 0 END),
        sum(CASE WHEN cache_read_tokens > 0 THEN cache_read_tokens ELSE 0 END),
        sum(CASE WHEN cache_write_tokens > 0 THEN cache_write_tokens ELSE 0 END)
    FROM rows_by_name WHERE NOT EXISTS (SELECT 1 FROM budget_usagetotal) GROUP BY project_id, category, name"""


class Migration(migrations.Migration):
    dependencies = [("budget", "0027_usage_totals"), ("workspaces", "0017_triggers")]
    operations = [install("budget"), sql(postgresql=[BEFORE], sqlite=[BEFORE]), without_like_indexes("budget")]
