"""People: logins, preferences, memberships.

- `logins`: who may log in, and who is admin of the whole server
- `password_login`, `login_links`, `throttle`: logging in
- `devices`, `device_endpoints`: logins of command lines
- `standing`: what single sign-on (`workspaces/sso/`) adds: whether its logins still count, and a button
- `tokens`: of programs, and of sessions; `saved_views`: lists that a person named
- `pending`: logins that a browser has begun
- `members`: who belongs to a workspace
- `queue_marks`: what a person has read and put aside in the queue of their home page
- `preferences`: how a person sees pages; this package exports it
"""

from workspaces.people.preferences import Backend, preferences_of, save_preferences, template_context, use_time_zone, zones

__all__ = ["Backend", "preferences_of", "save_preferences", "template_context", "use_time_zone", "zones"]
