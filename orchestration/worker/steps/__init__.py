"""The steps of a round: implement, review, verify, push.

context           the shared state of the steps
work              the work, read once from its commit
implementing      runs the agent, commits its work, checks its changes
conversation      the processes of that agent: its first prompt, and further ones
prompts           the text for each role
given_tests       the test files of the entry's spec
reviewing         the judging agents: interceptor and verifying agent
agent_verdicts    reads a verdict from an agent's answer
verifying         judges the commit in a clean checkout
runner            runs commands in a working copy
protected_files   the judging files
"""
