from django.db import migrations
from django.db.models import OuterRef, Subquery, Sum

BATCH = 2000


def name_models(apps, schema_editor):
    """Ended sessions get the model that most of their money went to: until now they kept the configured one, which is often empty."""
    Session = apps.get_model("orchestration", "Session")
    LedgerEntry = apps.get_model("budget", "LedgerEntry")
    spent = LedgerEntry.objects.filter(session_ref=OuterRef("pk")).exclude(model="").exclude(category="interceptor")
    models = spent.order_by().values("model").annotate(cost=Sum("amount")).order_by("-cost", "model").values("model")[:1]
    ids = list(Session.objects.filter(status="ended").order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        batch = Session.objects.filter(pk__in=ids[start : start + BATCH]).annotate(spent_on=Subquery(models))
        named = {}
        for pk, model in batch.exclude(spent_on=None).values_list("pk", "spent_on"):
            named.setdefault(model, []).append(pk)
        for model, pks in named.items():
            Session.objects.filter(pk__in=pks).update(model=model)


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0038_entries_open_first"), ("budget", "0019_tokens_of_rounds")]
    operations = [migrations.RunPython(name_models, migrations.RunPython.noop, elidable=True)]
