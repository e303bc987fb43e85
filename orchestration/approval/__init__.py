"""A person approves verified work before it lands.

policy    which work needs approval: pure
gate      asks the policy about a landing, with facts from git
waiting   an entry begins to wait, and what its merge said on each tip
deciding  what a person decides: approve, send back, release the locks
findings  what an agent reads of that
comments  what people write on lines of the work
reads     what the pages and the API show
"""
