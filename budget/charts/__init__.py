"""Charts as SVG. Pure: plain values in, markup out; no database, no clock, no colours but by class.

Each chart is a module with its values, `draw` and `table`: the table says in figures what the picture shows, from the same values.
What they paint with is `patterns.shared()`, once on a page. Amounts are micro-USD.
"""
