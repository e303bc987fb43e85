"""What each agent, model, group, person and day brought, and what it cost."""
