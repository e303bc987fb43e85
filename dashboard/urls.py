"""The pages, and the streams of hints."""

from django.urls import path, re_path

from dashboard.account import preferences, theme, tokens
from dashboard.activity import views as activity
from dashboard.budget import bulk_edit, by_entry, changes, ledger, limits, most_expensive, overview, reallocation
from dashboard.budget import edits as budget_edits
from dashboard.entries import bulk_edit as entries_bulk_edit
from dashboard.entries import new_entry, plan_import
from dashboard.entries import views as entry_list
from dashboard.entry import actions, dependencies, diff, preflight
from dashboard.entry import round_detail as round_page
from dashboard.entry import views as entry_page
from dashboard.executor import controls
from dashboard.executor import views as executor_page
from dashboard.help import shortcuts, styleguide
from dashboard.live import streams
from dashboard.locks import views as locks
from dashboard.overview import views as overview_views
from dashboard.overview import workspace_list
from dashboard.reviews import views as reviews
from dashboard.sessions import detail as worker
from dashboard.sessions import log_page
from dashboard.sessions import views as worker_list
from dashboard.settings import agents, config, general, members, notices
from dashboard.settings import new_workspace as workspace_new

urlpatterns = [
    path("", workspace_list.page, name="workspaces"),
    path("keys/", shortcuts.page, name="keys"),
    path("styleguide/", styleguide.page, name="styleguide"),
    path("new/", workspace_new.page, name="workspace-new"),
    path("account/", preferences.page, name="account"),
    path("account/preferences/", preferences.save_preferences, name="account-prefer"),
    path("account/password/", preferences.set_password, name="account-password"),
    path("account/tokens/", tokens.page, name="tokens"),
    re_path(r"^account/tokens/(?P<token_id>[0-9]{1,18})/revoke/$", tokens.revoke, name="token-revoke"),
    path("theme/", theme.set_theme, name="theme"),
    path("w/<str:workspace_id>/", overview_views.page, name="workspace"),
    path("w/<str:workspace_id>/events/", streams.page, name="stream"),
    re_path(r"^w/(?P<workspace_id>[^/]+)/executor/(?P<verb>start|pause|resume)/$", controls.change_state, name="executor"),
    path("w/<str:workspace_id>/executor/", executor_page.page, name="executor-page"),
    path("w/<str:workspace_id>/executor/workers/", executor_page.set_workers, name="set-workers"),
    path("w/<str:workspace_id>/locks/", locks.page, name="locks"),
    path("w/<str:workspace_id>/locks/<str:entry_id>/release/", locks.release, name="locks-release"),
    path("w/<str:workspace_id>/activity/", activity.page, name="activity"),
    path("w/<str:workspace_id>/executor/dispatch/", controls.dispatch_now, name="dispatch"),
    path("w/<str:workspace_id>/executor/stop/", controls.stop_all, name="executor-stop"),
    path("w/<str:workspace_id>/settings/", general.page, name="settings"),
    path("w/<str:workspace_id>/settings/rename/", general.rename, name="workspace-rename"),
    path("w/<str:workspace_id>/settings/delete/", general.delete, name="workspace-delete"),
    path("w/<str:workspace_id>/settings/config/", config.page, name="settings-config"),
    path("w/<str:workspace_id>/settings/members/", members.page, name="members"),
    path("w/<str:workspace_id>/settings/members/new/", members.add, name="member-new"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/settings/members/(?P<member_id>[0-9]{1,18})/(?P<verb>role|remove|link)/$",
        members.change_member,
        name="member-act",
    ),
    path("w/<str:workspace_id>/agents/", agents.page, name="agent"),
    path("w/<str:workspace_id>/agents/retry/", agents.retry, name="agent-retry"),
    path("w/<str:workspace_id>/agents/secrets/", agents.put_secret, name="secrets"),
    path("w/<str:workspace_id>/agents/secrets/<str:name>/remove/", agents.remove_secret, name="secret-remove"),
    path("w/<str:workspace_id>/budget/", overview.page, name="budget"),
    path("w/<str:workspace_id>/budget/cap/", budget_edits.set_cap, name="cap"),
    path("w/<str:workspace_id>/budget/total/", budget_edits.set_total_budget, name="total-budget"),
    path("w/<str:workspace_id>/budget/limits/", limits.set_limit, name="limit"),
    path("w/<str:workspace_id>/budget/warnings/", limits.set_thresholds, name="warnings"),
    path("w/<str:workspace_id>/budget/reallocate/", reallocation.reallocate, name="reallocate"),
    path("w/<str:workspace_id>/budget/auto/", reallocation.set_automatic, name="auto-reallocate"),
    path("w/<str:workspace_id>/budget/entries/", by_entry.page, name="budget-entries"),
    path("w/<str:workspace_id>/budget/entries/bulk/", bulk_edit.apply, name="budget-bulk"),
    path("w/<str:workspace_id>/budget/ledger/", ledger.page, name="ledger"),
    path("w/<str:workspace_id>/budget/ledger/<int:row_id>/correct/", ledger.correct, name="ledger-correct"),
    path("w/<str:workspace_id>/budget/rounds/", most_expensive.page, name="budget-rounds"),
    path("w/<str:workspace_id>/budget/changes/", changes.page, name="changes"),
    path("w/<str:workspace_id>/budget/reviews/", reviews.review_list, name="reviews"),
    path("w/<str:workspace_id>/budget/reviews/new/", reviews.create, name="review-new"),
    path("w/<str:workspace_id>/budget/reviews/<str:review_id>/", reviews.detail, name="review"),
    path("w/<str:workspace_id>/budget/reviews/<str:review_id>/print.css", reviews.print_footer, name="review-footer"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/budget/reviews/(?P<review_id>[^/]+)/(?P<verb>edit|propose|withdraw|ask|comment|decide)/$",
        reviews.change_review,
        name="review-act",
    ),
    path("w/<str:workspace_id>/notices/", notices.page, name="notices"),
    path("w/<str:workspace_id>/notices/new/", notices.add, name="channel-new"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/notices/(?P<channel_id>chan_[^/]+)/(?P<verb>edit|test|on|off|secret|remove)/$",
        notices.change_channel,
        name="channel-act",
    ),
    path("w/<str:workspace_id>/notices/deliveries/<str:delivery_id>/retry/", notices.retry, name="delivery-retry"),
    path("w/<str:workspace_id>/entries/", entry_list.page, name="entries"),
    path("w/<str:workspace_id>/entries/bulk/", entries_bulk_edit.apply, name="entries-bulk"),
    path("w/<str:workspace_id>/entries/new/", new_entry.page, name="entry-new"),
    path("w/<str:workspace_id>/entries/plan/", plan_import.page, name="plan"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/", entry_page.page, name="entry"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/budget/", budget_edits.set_entry_budget, name="entry-budget"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/lock/", budget_edits.set_entry_lock, name="entry-lock"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/reverify/", actions.reverify, name="entry-reverify"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/rounds/", actions.set_rounds, name="entry-rounds"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/rounds/<int:number>/", round_page.page, name="round"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/rounds/<int:number>/patch/", round_page.patch, name="round-patch"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/diff/", diff.page, name="entry-diff"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/diff/patch/", diff.patch, name="entry-diff-patch"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/preflight/", preflight.page, name="preflight"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/dispatch/", preflight.dispatch_entry, name="entry-dispatch"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/depend/", dependencies.depend, name="entry-depend"),
    path("w/<str:workspace_id>/entries/<str:entry_id>/undepend/", dependencies.undepend, name="entry-undepend"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/entries/(?P<entry_id>[^/]+)/(?P<verb>hold|release|done)/$",
        actions.change_state,
        name="entry-act",
    ),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/entries/(?P<entry_id>[^/]+)/set/(?P<what>priority|assign|beside)/$",
        actions.set_field,
        name="entry-set",
    ),
    path("w/<str:workspace_id>/workers/", worker_list.page, name="workers"),
    path("w/<str:workspace_id>/workers/<str:session_id>/", worker.page, name="session"),
    path("w/<str:workspace_id>/workers/<str:session_id>/log/", log_page.page, name="session-log"),
    path("w/<str:workspace_id>/workers/<str:session_id>/stop/", controls.stop_session, name="session-stop"),
    path("w/<str:workspace_id>/workers/<str:session_id>/hold/", worker.hold_after, name="session-hold"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/", worker.redirect_to_session),
    path("w/<str:workspace_id>/sessions/<str:session_id>/stop/", worker.redirect_to_session, {"tail": "stop/"}),
    path("w/<str:workspace_id>/workers/<str:session_id>/kill/", controls.kill_session, name="session-kill"),
    path("api/v1/workspaces/<str:workspace_id>/orchestration/events", streams.api, name="api-stream"),
]
