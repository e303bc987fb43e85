"""The modules that prepare the database: `up` imports this before it forks the preparation (config/up/copies.py)."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.management.commands import bootstrap  # noqa: E402, F401
