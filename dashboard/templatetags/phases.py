"""The drawings of the work in templates: they themselves are in pages/charts."""

from django import template
from django.utils.safestring import SafeString

from dashboard.shared.charts import phases

register = template.Library()


@register.simple_tag
def phase_paints() -> SafeString:
    """What bars of phases are painted with. Once on a page, outside of every region."""
    return phases.shared()
