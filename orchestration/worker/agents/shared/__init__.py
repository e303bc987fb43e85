"""What the modules of all agents share."""
