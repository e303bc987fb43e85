"""One entry: its page, what a person may do to it, its rounds and what they changed."""
