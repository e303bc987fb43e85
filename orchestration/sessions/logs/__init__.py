"""A session's output.

`chunks` writes and reads it. `windows` reads some lines of it. `search` finds text and lines by level. `levels` guesses how severe a line is.
"""
