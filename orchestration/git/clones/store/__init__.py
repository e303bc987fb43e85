"""A workspace's store: a bare repository of Muster's own on this host, and what comes into it.

stores     makes it, and brings the user's commits
packs      sends commits between repositories that Muster trusts
tags       the user's tags in it
importing  takes an agent's commits over, through quarantine
joining    joins two lines of work
"""
