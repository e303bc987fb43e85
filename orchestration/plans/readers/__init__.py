"""Readers of plans: one module for each format. Text in, a plan out; pure. Each raises Unreadable for text of another shape.
`items`: what a plan consists of; `bundle`: a plan of several files."""
