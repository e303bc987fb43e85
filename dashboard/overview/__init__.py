"""The first page of a workspace, what needs a person there, and the list of workspaces."""
