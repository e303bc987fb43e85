"""`python -m bench seams`: every pair of features at work together, in a whole product started as a user starts it.

pairs        the smallest list of cases that has each pair of values
dimensions   the two tables, and the pairs that nobody needs
provider     a scripted provider, which counts what it served
agent        a cheap program in place of the agents' CLIs
oracle       a case's arithmetic: what it needs, and what must be so at each moment. It knows the script alone
invariants   what must hold, on plain samples
"""
