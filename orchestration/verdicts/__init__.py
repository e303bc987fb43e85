"""A verdict belongs to a git tree: what the checks said of it, and whether that is good enough compared with the tree it started from.

evidence     what one check said of one tree
comparison   passed or not, with score and gain, compared with the base (pure)
targets      the tests that an entry names
bases        what work is compared with
scopes       which checks look at the variables of their entry
store        verdicts by tree and checks, in the database
checks_hash  what decides what the checks say
"""
