"""Signals of the lower packages; `edge/receivers.py` connects those of higher ones."""

from django.dispatch import Signal

# Entries may have less money, or fewer rounds, than their next session needs. Sent with `workspace_id` and `entry_ids`, None for all.
may_be_short = Signal()
