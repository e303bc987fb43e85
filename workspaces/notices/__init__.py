"""Telling people elsewhere: channels (webhook, e-mail), deliveries, and the sending of them. docs/reference/notices.md is the receiver's side."""
