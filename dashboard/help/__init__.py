"""Pages about the pages: the keyboard shortcuts, and every component in every state."""
