"""Help: the keyboard shortcuts and the style guide."""
