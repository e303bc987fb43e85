"""Charts of sessions and dependencies (pure: values in, SVG out). The charts of money and their SVG elements are in budget/charts."""
