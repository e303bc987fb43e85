"""The executor decides which entries start, and starts them.

`plan` decides, without a database; `limits` words the spend limits it checks. `snapshot` reads the state for it; `ready_line` is the order of ready
entries. `dispatch` runs a cycle and claims sessions. `explain` shows the plan's own checks. `reconcile` is the tick's safety net. `control` starts, pauses and stops the
executor. `blocking` blocks what lost its money between cycles. `stats` keeps the last cycles and ticks.
"""
