"""The workspace's config as a form: its fields, what a person wrote in them, and what that changes. Pure."""
