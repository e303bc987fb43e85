"""Triggers by issues: `looking` asks the forge for labels that were added; `writing` comments on issues, and closes them. A webhook only makes Muster look at once."""
