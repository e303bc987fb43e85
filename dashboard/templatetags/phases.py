"""The SVG patterns of session phases; the charts are in dashboard/shared/charts."""

from django import template
from django.utils.safestring import SafeString

from dashboard.shared.charts import phases

register = template.Library()


@register.simple_tag
def phase_paints() -> SafeString:
    """The patterns of phase bars. Include once per page, outside of every region."""
    return phases.shared()
