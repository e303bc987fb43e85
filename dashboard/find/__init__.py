"""The search of the whole site: the page, and the results of the command palette (static/js/palette.js).

hits     one result, a group of them, and how typed words match a title
records  entries, sessions, files and workspaces, from the database
places   pages and settings
actions  what the person may do here
views    the door
"""
