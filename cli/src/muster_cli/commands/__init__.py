"""The commands, a module for each group. `register` adds its commands to the app."""
