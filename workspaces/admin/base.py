"""The common parts of all pages of the admin site: history is read-only; other rows change by the same functions as everywhere else, with a
reason. No form deletes rows: where deletion is allowed, an action with a dry run does it (fixes.py)."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import flatten_fieldsets, quote
from django.core.exceptions import FieldError, ValidationError
from django.db import DataError, NotSupportedError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from workspaces import access
from workspaces.access import Caller
from workspaces.errors import Refused

UNCOMPARABLE = (OverflowError, ValueError, TypeError, ValidationError, FieldError, DataError, NotSupportedError)
"""Errors of the ORM and the database for values that they cannot compare with a column."""

in_use: dict[type[Model], Callable[[Any], str]] = {}
"""Per model: the warning while an object is in use, or "". Filled by the layers above, which know sessions."""


places: dict[type[Model], Callable[[Any], str]] = {}
"""Per model: the address of an object's page, or "". Filled by the layer above, which knows the pages."""


def link(obj: Model, text: str = "") -> SafeString:
    """A link to an object's page on the admin site."""
    meta = obj._meta
    url = reverse(
        f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(obj.pk)]
    )  # `entry_26…` would be read as `entry&…`
    return format_html('<a href="{}">{}</a>', url, text or str(obj))


class Base(admin.ModelAdmin):
    show_full_result_count = False
    list_per_page = 50
    change_form_template = "admin/with_notice.html"
    list_defer: Sequence[str] = ()
    """Large columns that a list does not show."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset = super().get_queryset(request)
        match = request.resolver_match
        is_list = bool(match and match.url_name and match.url_name.endswith("_changelist"))
        return queryset.defer(*self.list_defer) if is_list and self.list_defer else queryset

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """People type addresses: a value that no column can hold is an invalid filter, as Django treats most of them."""
        try:
            return super().get_changelist_instance(request)
        except (IncorrectLookupParameters, *UNCOMPARABLE) as error:
            self.message_user(request, "The filter in the address is not valid, so all rows are shown.", messages.WARNING)
            raise IncorrectLookupParameters(error) from error

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """A project's key is its workspace's, so Django's filter by project looks up `project__workspace`, which Django's guard refuses."""
        return lookup == "project__workspace__exact" or super().lookup_allowed(lookup, value, request)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any) -> HttpResponse | None:
        """Refuse ids that no row can have before any action sees them."""
        try:
            queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME)).exists()
        except UNCOMPARABLE:
            self.message_user(request, "The selected rows are not in this list. Nothing was changed.", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        response: HttpResponse | None = super().response_action(request, queryset, *args, **kwargs)
        return response

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def view_on_site(self, obj: Any) -> str | None:
        find_address = places.get(type(obj))
        return (find_address(obj) or None) if find_address else None

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        if obj is not None and type(obj) in in_use:
            context["in_use"] = in_use[type(obj)](obj)
        return super().render_change_form(request, context, *args, **kwargs)


class ReadOnly(Base):
    """History, counters and processes' own records, read-only. A posted form gets 403."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def readonly(
    model: type[Model],
    columns: str | Sequence[Any],
    filters: str | Sequence[Any] = "",
    search: str = "",
    hint: str | None = None,
    *,
    fields: str | Sequence[Any] = "",
    ordering: str = "-id",
    **options: Any,
) -> None:
    """Register `model` as history. A text names fields, with spaces between them. A list joins the relations among its columns, and
    has `hint` below its search. A row's page shows `fields`, or all. Further options are ModelAdmin's own."""
    columns = _words(columns)
    relations = {field.name for field in model._meta.fields if field.is_relation}
    options = {
        "list_display": columns,
        "list_filter": _words(filters),
        "list_select_related": [name for name in columns if name in relations],
        "search_fields": search.split(),
        "search_help_text": hint,
        "fields": _words(fields) or None,
        "ordering": ordering.split(),
    } | options
    admin.site.register(model, ReadOnly, **options)


def _words(names: str | Sequence[Any]) -> Sequence[Any]:
    return names.split() if isinstance(names, str) else names


class ReasonForm(forms.ModelForm):
    """Each field carries the value that the form showed: only fields that the person changed count as changed, so that a form that was
    open for an hour reverts no change that others made meanwhile.
    """

    reason = forms.CharField(
        max_length=500, help_text="Why. It is kept in activity with your name.", widget=forms.TextInput(attrs={"size": 80})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.show_hidden_initial = name != "reason" and bool(self.instance.pk)


class Editable(Base):
    """Fields in `editable` may change, by the functions that `carry_out` calls."""

    form = ReasonForm
    editable: Sequence[str] = ()
    add_fields: Sequence[str] = ()

    def carry_out(self, obj: Any, form: Any, *, by: Caller, reason: str) -> None:
        """Apply the form. `form.changed_data` names the changed fields. `obj` has the new values and is not saved. May raise Refused."""
        raise NotImplementedError

    def add(self, obj: Any, form: Any, *, by: Caller, reason: str) -> None:
        """Create the row, and set the key of `obj`."""
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self.add_fields)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": [*self.add_fields, "reason"]})]
        fieldsets = list(self.fieldsets or [])
        if self.has_change_permission(request, obj):
            return [*fieldsets, ("Why", {"fields": ["reason"]})]
        return fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return []
        return [name for name in flatten_fieldsets(self.fieldsets or []) if name not in self.editable]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        verb = self.carry_out if change else self.add
        verb(obj, form, by=access.of_user(request.user), reason=form.cleaned_data["reason"])

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Django runs this in a transaction: a refusal rolls everything back."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            self.message_user(request, f"Nothing was changed: {refused.message}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
