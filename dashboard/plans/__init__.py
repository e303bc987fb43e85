"""The page that imports a plan: a preview of the difference, then its application."""
