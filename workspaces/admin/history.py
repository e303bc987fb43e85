"""The workspaces app's history on the admin site. Secrets are left out of its pages, sealed or hashed as they are."""

from workspaces.admin.base import readonly
from workspaces.models import (
    Channel,
    ChannelVerb,
    Delivery,
    DeviceLogin,
    Digest,
    Event,
    FailedLogin,
    Passkey,
    Preferences,
    QueueMark,
    RecoveryCode,
    SavedView,
    SecondFactor,
)

OF_FACTOR = ["factor__user"]

# fmt: off
readonly(DeviceLogin, "client address state user created_at expires_at", "state", "=address =user__username",
         exclude=["digest", "user_code"])
readonly(SecondFactor, "user confirmed_at", "", "=user__username", ordering="user__username", exclude=["sealed_key", "handle"])
readonly(Passkey, "name factor host created_at last_used_at", "", "=factor__user__username name", list_select_related=OF_FACTOR,
         exclude=["credential_id", "public_key"])
readonly(RecoveryCode, "id factor", "", "=factor__user__username", list_select_related=OF_FACTOR, exclude=["digest"])
readonly(Preferences, "user time_zone theme density shortcuts", "theme density", "user__username =time_zone", ordering="user__username")
readonly(QueueMark, "key user aside_until at")
readonly(SavedView, "name workspace query created_at created_by", "workspace", "name =created_by")
readonly(FailedLogin, "key tries since", ordering="-since")
readonly(Event, "at actor actor_kind verb object_id reason workspace", "actor_kind at workspace",
         "=object_id ^verb =actor =request_id", "An object's id, a request's id, who did it, or how the verb begins.",
         list_defer=["data"])
readonly(Channel, "name kind workspace enabled failures_in_a_row rests_until created_at", "kind enabled workspace",
         "=id name =created_by", ordering="-created_at id", fields="id name kind workspace target enabled off_because"
         " failures_in_a_row rests_until created_at created_by")
readonly(ChannelVerb, "channel verb", "verb", "=channel__id ^verb")
readonly(Digest, "channel frequency hour time_zone due_at", "frequency", "=channel__id channel__name", ordering="due_at channel",
         fields="channel frequency hour time_zone due_at")
readonly(Delivery, "id channel event state attempts status took_ms created_at tried_at due_at", "state created_at channel__workspace",
         "=channel__id =event__object_id",
         fields="id channel event state attempts status answer took_ms created_at tried_at due_at")
