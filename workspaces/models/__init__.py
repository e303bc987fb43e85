"""People, the activity log and notices.

- `people`: workspaces, members, roles, API tokens, logins of command lines
- `preferences`: how a person sees pages, and what they have read; failed logins
- `events`: the activity log
- `notices`: channels, their digests, and deliveries
- `second_factor`: apps that show codes, passkeys, and recovery codes
- `saved_views`: views of the entries that a team has named
- `known_words`: CHECK constraints on status columns
"""

from workspaces.models import known_words
from workspaces.models.events import Event
from workspaces.models.notices import Channel, ChannelVerb, Delivery, Digest
from workspaces.models.people import AS_OWNER, ApiToken, DeviceLogin, Membership, Role, Workspace
from workspaces.models.preferences import FailedLogin, Preferences, QueueMark
from workspaces.models.saved_views import SavedView
from workspaces.models.second_factor import Passkey, RecoveryCode, SecondFactor

__all__ = [
    "AS_OWNER",
    "ApiToken",
    "Channel",
    "ChannelVerb",
    "Delivery",
    "DeviceLogin",
    "Digest",
    "Event",
    "FailedLogin",
    "Membership",
    "Passkey",
    "Preferences",
    "QueueMark",
    "RecoveryCode",
    "Role",
    "SavedView",
    "SecondFactor",
    "Workspace",
]

known_words.keep(ApiToken, Channel, Delivery, DeviceLogin, Membership)
