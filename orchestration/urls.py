"""The pages, and the streams of hints."""

from django.urls import path, re_path

from orchestration import streams
from orchestration.pages import agent, entry, executor, money, notices, reviews, session, theme, workspace
from orchestration.pages.account import me, tokens
from orchestration.pages.budget import by_entry, changes, ledger, limits, many, overview, steering
from orchestration.pages.settings import config, general, members, new

urlpatterns = [
    path("", workspace.every, name="workspaces"),
    path("new/", new.page, name="workspace-new"),
    path("account/", me.page, name="account"),
    path("account/preferences/", me.prefer, name="account-prefer"),
    path("account/password/", me.password, name="account-password"),
    path("account/tokens/", tokens.page, name="tokens"),
    re_path(r"^account/tokens/(?P<token_id>[0-9]{1,18})/revoke/$", tokens.revoke, name="token-revoke"),
    path("theme/", theme.choose, name="theme"),
    path("w/<str:workspace_id>/", workspace.one, name="workspace"),
    path("w/<str:workspace_id>/events/", streams.page, name="stream"),
    re_path(r"^w/(?P<workspace_id>[^/]+)/executor/(?P<verb>start|pause|resume)/$", executor.steer, name="executor"),
    path("w/<str:workspace_id>/executor/dispatch/", executor.dispatch_now, name="dispatch"),
    path("w/<str:workspace_id>/executor/stop/", executor.stop_all, name="executor-stop"),
    path("w/<str:workspace_id>/settings/", general.page, name="settings"),
    path("w/<str:workspace_id>/settings/rename/", general.rename, name="workspace-rename"),
    path("w/<str:workspace_id>/settings/delete/", general.delete, name="workspace-delete"),
    path("w/<str:workspace_id>/settings/config/", config.page, name="settings-config"),
    path("w/<str:workspace_id>/settings/members/", members.page, name="members"),
    path("w/<str:workspace_id>/settings/members/new/", members.add, name="member-new"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/settings/members/(?P<member_id>[0-9]{1,18})/(?P<verb>role|remove|link)/$",
        members.act,
        name="member-act",
    ),
    path("w/<str:workspace_id>/agents/", agent.page, name="agent"),
    path("w/<str:workspace_id>/agents/retry/", agent.retry, name="agent-retry"),
    path("w/<str:workspace_id>/agents/secrets/", agent.put_secret, name="secrets"),
    path("w/<str:workspace_id>/agents/secrets/<str:name>/remove/", agent.remove_secret, name="secret-remove"),
    path("w/<str:workspace_id>/budget/", overview.page, name="budget"),
    path("w/<str:workspace_id>/budget/cap/", money.cap, name="cap"),
    path("w/<str:workspace_id>/budget/total/", money.total_budget, name="total-budget"),
    path("w/<str:workspace_id>/budget/limits/", limits.set_one, name="limit"),
    path("w/<str:workspace_id>/budget/warnings/", limits.warn_at, name="warnings"),
    path("w/<str:workspace_id>/budget/reallocate/", steering.reallocate, name="reallocate"),
    path("w/<str:workspace_id>/budget/auto/", steering.auto, name="auto-reallocate"),
    path("w/<str:workspace_id>/budget/entries/", by_entry.page, name="budget-entries"),
    path("w/<str:workspace_id>/budget/entries/bulk/", many.edit, name="budget-bulk"),
    path("w/<str:workspace_id>/budget/ledger/", ledger.page, name="ledger"),
    path("w/<str:workspace_id>/budget/ledger/<int:row_id>/correct/", ledger.correct, name="ledger-correct"),
    path("w/<str:workspace_id>/budget/changes/", changes.page, name="changes"),
    path("w/<str:workspace_id>/budget/reviews/", reviews.every, name="reviews"),
    path("w/<str:workspace_id>/budget/reviews/new/", reviews.begin, name="review-new"),
    path("w/<str:workspace_id>/budget/reviews/<str:review_id>/", reviews.one, name="review"),
    path("w/<str:workspace_id>/budget/reviews/<str:review_id>/print.css", reviews.footer, name="review-footer"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/budget/reviews/(?P<review_id>[^/]+)/(?P<verb>edit|propose|withdraw|ask|comment|decide)/$",
        reviews.act,
        name="review-act",
    ),
    path("w/<str:workspace_id>/notices/", notices.page, name="notices"),
    path("w/<str:workspace_id>/notices/new/", notices.add, name="channel-new"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/notices/(?P<channel_id>chan_[^/]+)/(?P<verb>edit|test|on|off|secret|remove)/$",
        notices.act,
        name="channel-act",
    ),
    path("w/<str:workspace_id>/notices/deliveries/<str:delivery_id>/retry/", notices.retry, name="delivery-retry"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/", entry.page, name="entry"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/budget/", money.entry_budget, name="entry-budget"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/lock/", money.entry_lock, name="entry-lock"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/reverify/", entry.reverify, name="entry-reverify"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/rounds/", entry.set_rounds, name="entry-rounds"),
    re_path(r"^w/(?P<workspace_id>[^/]+)/entries/(?P<entry_id>[^/]+)/(?P<verb>hold|release|done)/$", entry.act, name="entry-act"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/", session.page, name="session"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/stop/", executor.stop_session, name="session-stop"),
    path("api/v1/workspaces/<str:workspace_id>/orchestration/events", streams.api, name="api-stream"),
]
