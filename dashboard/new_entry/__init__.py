"""How one entry comes in by a form: the page, its fields, and the check before it is added."""
