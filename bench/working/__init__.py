"""P7 to P10, P12, P14: what Muster costs while many sessions work, and while many workspaces are idle."""
