"""What the preparation of the database loads, loaded by importing this (config/up/copies.py)."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.management.commands import bootstrap  # noqa: E402, F401
