"""Charts as SVG. Pure: plain values in, markup out; no database, no clock, colours only by class. Amounts are micro-USD.

A chart is a module with its values, `draw` and `table`; the table shows the same values in figures.

- `burnup`: spend over time against the cap; `outlook` is its part right of now
- `categories`: one bar of the cap by category
- `bullet`: spent of a budget, in a table cell
- `meter`: the share from which spent is near its limit, and the colour class
- `rounds`: cost and score of each round
- `sparkline`: a row of small bars
- `series`: reads spend over time from the ledger
- `scales`, `patterns`, `svg`, `table`: what the charts are drawn with; a page includes `patterns.definitions()` once
"""
