"""The pages, and the streams of hints."""

from django.urls import path, re_path

from orchestration import streams
from orchestration.pages import (
    activity,
    agent,
    diagnosis,
    executor,
    home,
    keys,
    locks,
    money,
    notices,
    reviews,
    styleguide,
    theme,
    workspace,
)
from orchestration.pages.account import me, tokens
from orchestration.pages.budget import by_entry, changes, dearest, ledger, limits, many, overview, steering
from orchestration.pages.entries import bulk, new, plan
from orchestration.pages.entries import listing as entry_list
from orchestration.pages.entry import acts, deps, diff, preflight
from orchestration.pages.entry import page as entry_page
from orchestration.pages.entry import round as round_page
from orchestration.pages.settings import config, general, members
from orchestration.pages.settings import new as workspace_new
from orchestration.pages.workers import listing as worker_list
from orchestration.pages.workers import log
from orchestration.pages.workers import one as worker

urlpatterns = [
    path("", workspace.every, name="workspaces"),
    path("keys/", keys.page, name="keys"),
    path("styleguide/", styleguide.page, name="styleguide"),
    path("new/", workspace_new.page, name="workspace-new"),
    path("account/", me.page, name="account"),
    path("account/preferences/", me.prefer, name="account-prefer"),
    path("account/password/", me.password, name="account-password"),
    path("account/tokens/", tokens.page, name="tokens"),
    re_path(r"^account/tokens/(?P<token_id>[0-9]{1,18})/revoke/$", tokens.revoke, name="token-revoke"),
    path("theme/", theme.choose, name="theme"),
    path("w/<str:workspace_id>/", home.page, name="workspace"),
    path("w/<str:workspace_id>/events/", streams.page, name="stream"),
    re_path(r"^w/(?P<workspace_id>[^/]+)/executor/(?P<verb>start|pause|resume)/$", executor.steer, name="executor"),
    path("w/<str:workspace_id>/executor/", diagnosis.page, name="executor-page"),
    path("w/<str:workspace_id>/executor/workers/", diagnosis.set_workers, name="set-workers"),
    path("w/<str:workspace_id>/locks/", locks.page, name="locks"),
    path("w/<str:workspace_id>/locks/<str:entry_id>/release/", locks.release, name="locks-release"),
    path("w/<str:workspace_id>/activity/", activity.page, name="activity"),
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
    path("w/<str:workspace_id>/budget/rounds/", dearest.page, name="budget-rounds"),
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
    path("w/<str:workspace_id>/entries/", entry_list.page, name="entries"),
    path("w/<str:workspace_id>/entries/bulk/", bulk.act, name="entries-bulk"),
    path("w/<str:workspace_id>/entries/new/", new.page, name="entry-new"),
    path("w/<str:workspace_id>/entries/plan/", plan.page, name="plan"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/", entry_page.page, name="entry"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/budget/", money.entry_budget, name="entry-budget"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/lock/", money.entry_lock, name="entry-lock"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/reverify/", acts.reverify, name="entry-reverify"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/rounds/", acts.set_rounds, name="entry-rounds"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/rounds/<int:number>/", round_page.page, name="round"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/rounds/<int:number>/patch/", round_page.patch, name="round-patch"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/diff/", diff.page, name="entry-diff"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/diff/patch/", diff.patch, name="entry-diff-patch"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/preflight/", preflight.page, name="preflight"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/dispatch/", preflight.go, name="entry-dispatch"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/depend/", deps.depend, name="entry-depend"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/undepend/", deps.undepend, name="entry-undepend"),
    re_path(r"^w/(?P<workspace_id>[^/]+)/entries/(?P<entry_id>[^/]+)/(?P<verb>hold|release|done)/$", acts.act, name="entry-act"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/entries/(?P<entry_id>[^/]+)/set/(?P<what>priority|assign|beside)/$",
        acts.set_one,
        name="entry-set",
    ),
    path("w/<str:workspace_id>/workers/", worker_list.page, name="workers"),
    path("w/<str:workspace_id>/workers/<str:session_id>/", worker.page, name="session"),
    path("w/<str:workspace_id>/workers/<str:session_id>/log/", log.page, name="session-log"),
    path("w/<str:workspace_id>/workers/<str:session_id>/stop/", executor.stop_session, name="session-stop"),
    path("w/<str:workspace_id>/workers/<str:session_id>/hold/", worker.hold_after, name="session-hold"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/", worker.moved),
    path("w/<str:workspace_id>/sessions/<str:session_id>/stop/", worker.moved, {"tail": "stop/"}),
    path("w/<str:workspace_id>/workers/<str:session_id>/kill/", executor.kill_session, name="session-kill"),
    path("api/v1/workspaces/<str:workspace_id>/orchestration/events", streams.api, name="api-stream"),
]
