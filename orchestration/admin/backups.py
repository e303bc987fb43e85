"""Backups that were written, on the admin site: `./muster backup` records each."""

from django.contrib import admin

from orchestration.models import Backup
from workspaces.admin.base import ReadOnly


@admin.register(Backup)
class BackupAdmin(ReadOnly):
    list_display = ["__str__", "host", "is_whole", "at"]
    list_filter = ["is_whole"]
    search_fields = ["=host"]
    search_help_text = "The name of the host that wrote it."
    ordering = ["-id"]
