"""Who may see and do what, the append-only record of what was done, and who is told of it."""

from workspaces.models.events import Event
from workspaces.models.notices import Channel, ChannelVerb, Delivery
from workspaces.models.people import ApiToken, Membership, Role, Workspace
from workspaces.models.preferences import FailedLogin, Preferences

__all__ = [
    "ApiToken",
    "Channel",
    "ChannelVerb",
    "Delivery",
    "Event",
    "FailedLogin",
    "Membership",
    "Preferences",
    "Role",
    "Workspace",
]
