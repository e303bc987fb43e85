"""Drawings of work: pure, values in, SVG out."""
