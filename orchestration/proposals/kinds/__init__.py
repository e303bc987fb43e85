"""The effects of proposals, and how each is undone: a module for each kind, of the shape in `interface`. `schema`: what an answer may
have of each."""
