"""Drawings of the work (pure: values in, SVG out). Those of the money are in budget/charts, whose elements they are made of."""
