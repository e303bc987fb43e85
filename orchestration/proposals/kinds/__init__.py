"""What applying a proposal does, and how that is undone: a module for each kind, of the shape in `interface`."""
