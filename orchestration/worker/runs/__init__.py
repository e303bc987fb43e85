"""The work of a run's agent between the start and the end of its session. `asking` runs the agent of any role: one answer, and another after a useless one.
`planner` and its like have the question, and the reader of the answer.
"""
