"""The kinds of channels: one module each, with the form of what is sent.

To add one: a module with a `KIND` of the shape in shape.py, a row here, and its name in `Channel.Kind` (CONTRIBUTING.md).

- `shape`: what a kind is, and what all posted ones have in common
- `messages`: the payload and the layout; subjects are the `notice` of each event (`*/events.py`)
- `chat_text`: limits and escapes of the chats
- `signing`: signatures of webhooks
"""

from workspaces.models import Channel
from workspaces.notices.kinds import discord, email, slack, teams, webhook
from workspaces.notices.kinds.shape import Kind

KINDS: dict[str, Kind] = {
    Channel.Kind.WEBHOOK.value: webhook.KIND,
    Channel.Kind.EMAIL.value: email.KIND,
    Channel.Kind.SLACK.value: slack.KIND,
    Channel.Kind.DISCORD.value: discord.KIND,
    Channel.Kind.TEAMS.value: teams.KIND,
}
"""In the order of menus."""


def kind_of(channel: Channel) -> Kind:
    return KINDS.get(channel.kind, webhook.KIND)  # a newer release may have more
