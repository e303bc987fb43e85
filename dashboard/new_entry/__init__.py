"""The form by which one entry comes in: the page, its fields, and the check before it is added."""
