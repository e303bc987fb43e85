"""Files of a workspace that git ignores, such as `.env`: sealed in the database, written into clones, masked in text.

bundle  the files of a workspace: put, removed, opened
paths   what may be the path of one
dotenv  the values in one that are masked
"""
