"""The work of a run's agent between the start and the end of its session. `asking` runs the agent of any role: one answer, and one more
when the first cannot be used. `planner` and its like have the agent's question, and the reader of its answer.
"""
