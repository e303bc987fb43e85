"""The tabs of one entry: a module each, whose template in `templates/entry/` has the same name."""
