"""Healthy and doomed sessions by their seed, in the formats of the CLIs: which of them Muster would end early."""
