"""The steps of a round: implement, review, verify, push.

context          the state that the steps share, and the exception that ends the session
implementing     runs the agent, commits its work, checks its changes
conversation     the processes of that agent: its first prompt, and further ones
prompts          the text for each role
reviewing        the agents that judge: the interceptor and the verifying agent
agent_verdicts   reads a verdict from an agent's answer
verifying        judges the commit in a clean checkout
checks           runs the verify commands and scores them
junit            reads JUnit reports
protected_files  the files that judge the work
pushing          pushes the integration branch
"""
