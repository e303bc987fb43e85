"""What the agents of runs do between the start and the end of their session. `asking` runs the agent of any role: one answer, and one more
when the first cannot be used. `planner` and the others like it say what their agent is asked, and how its answer is read.
"""
