"""Server-Sent Events: change notifications for open pages."""
