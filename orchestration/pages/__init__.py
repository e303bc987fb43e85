"""The pages. Each view finds, asks and answers; a page and its live regions come from the same template."""
