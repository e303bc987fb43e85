"""The results and the cost of each agent, model, group, person and day."""
