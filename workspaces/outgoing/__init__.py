"""Requests to addresses that people chose: only to public ones, with a time limit."""
