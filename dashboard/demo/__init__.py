"""The demo on pages: it starts at the first login, shows its steps, and runs again.

first_login  the receiver that starts it
story        the steps that its overview and its page of landings show
views        start it, and start it again
"""
