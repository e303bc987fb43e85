"""Entries as people read of them: how one stands, and the headings of its log."""
