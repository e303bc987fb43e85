"""The pages by section of the navigation, and the event streams."""

from django.urls import path, re_path

from dashboard.account import device, preferences, theme, tokens
from dashboard.activity import views as activity
from dashboard.approval import actions as approval_actions
from dashboard.budget import bulk_edit as budget_bulk_edit
from dashboard.budget import by_entry as budget_by_entry
from dashboard.budget import changes as budget_changes
from dashboard.budget import edits as budget_edits
from dashboard.budget import estimates as budget_estimates
from dashboard.budget import ledger, reallocation
from dashboard.budget import limits as budget_limits
from dashboard.budget import most_expensive as most_expensive_rounds
from dashboard.budget import overview as budget_overview
from dashboard.demo import first_login  # noqa: F401  connects its receiver
from dashboard.demo import views as demo
from dashboard.entries import bulk_edit as entries_bulk_edit
from dashboard.entries import bulk_undo as entries_bulk_undo
from dashboard.entries import saved_views
from dashboard.entries import views as entry_list
from dashboard.entry import actions as entry_actions
from dashboard.entry import diff as entry_diff
from dashboard.entry import edit as entry_edit
from dashboard.entry import issue as entry_issue
from dashboard.entry import more_rounds, preflight
from dashboard.entry import round_detail as round_page
from dashboard.entry import split as entry_split
from dashboard.entry import views as entry_page
from dashboard.entry.tabs import dependencies as entry_dependencies
from dashboard.entry.tabs import stop_children as entry_stop_children
from dashboard.entry.tabs import talk as entry_talk
from dashboard.executor import controls as executor_controls
from dashboard.executor import views as executor_page
from dashboard.find import views as find
from dashboard.help import shortcuts, styleguide
from dashboard.home import views as home
from dashboard.hosts import views as hosts_page
from dashboard.insight import views as insight
from dashboard.landing import actions as landing_actions
from dashboard.landing import views as landing_page
from dashboard.live import streams
from dashboard.locks import views as locks
from dashboard.new_entry import views as new_entry
from dashboard.overview import views as workspace_overview
from dashboard.plans import views as plan_import
from dashboard.proposals import choose_agent, goals, run_page
from dashboard.proposals import edit as proposal_edit
from dashboard.reviews import views as reviews
from dashboard.sessions import detail as session_page
from dashboard.sessions import log_page as session_log
from dashboard.sessions import message as session_message
from dashboard.sessions import views as session_list
from dashboard.settings import agents, credentials, groups, members, new_workspace, notices
from dashboard.settings import config as config_settings
from dashboard.settings import general as general_settings
from dashboard.shared import moved
from dashboard.triggers import edit as trigger_edit
from dashboard.triggers import views as triggers

urlpatterns = [
    # Workspaces and help
    path("", home.page, name="workspaces"),
    path("queue/", home.act, name="queue"),
    path("demo/", demo.start, name="demo-start"),
    path("find/", find.page, name="find"),
    path("keys/", shortcuts.page, name="keys"),
    path("styleguide/", styleguide.page, name="styleguide"),
    path("new/", new_workspace.page, name="workspace-new"),
    # A person's account
    path("account/", preferences.page, name="account"),
    path("account/preferences/", preferences.save_preferences, name="account-prefer"),
    path("account/password/", preferences.set_password, name="account-password"),
    path("account/device/", device.page, name="device"),
    path("account/tokens/", tokens.page, name="tokens"),
    re_path(r"^account/tokens/(?P<token_id>[0-9]{1,18})/revoke/$", tokens.revoke, name="token-revoke"),
    path("theme/", theme.set_theme, name="theme"),
    # Overview
    path("w/<str:workspace_id>/", workspace_overview.page, name="workspace"),
    path("w/<str:workspace_id>/demo/", demo.again, name="demo-again"),
    path("w/<str:workspace_id>/events/", streams.page, name="stream"),
    # Backlog: locks
    path("w/<str:workspace_id>/backlog/locks/", locks.page, name="locks"),
    path("w/<str:workspace_id>/backlog/locks/<str:entry_id>/release/", locks.release, name="locks-release"),
    # Backlog: entries, plans and proposals
    path("w/<str:workspace_id>/backlog/", entry_list.page, name="entries"),
    path("w/<str:workspace_id>/backlog/bulk/undo/", entries_bulk_undo.apply, name="entries-bulk-undo"),
    path("w/<str:workspace_id>/backlog/bulk/", entries_bulk_edit.apply, name="entries-bulk"),
    path("w/<str:workspace_id>/backlog/more-rounds/", more_rounds.apply, name="entries-more-rounds"),
    path("w/<str:workspace_id>/backlog/views/", saved_views.save, name="view-save"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/backlog/views/(?P<view_id>[0-9]{1,18})/(?P<verb>rename|delete)/$",
        saved_views.change,
        name="view-change",
    ),
    path("w/<str:workspace_id>/backlog/new/", new_entry.page, name="entry-new"),
    path("w/<str:workspace_id>/backlog/plans/import/", plan_import.page, name="plan"),
    path("w/<str:workspace_id>/backlog/plans/", goals.page, name="goal"),
    path("w/<str:workspace_id>/backlog/plans/orchestrate/", goals.orchestrate, name="orchestrate"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/backlog/agents/(?P<role>planner|expander|orchestrator)/$",
        choose_agent.choose,
        name="choose-agent",
    ),
    path("w/<str:workspace_id>/backlog/plans/<str:run_id>/", run_page.page, name="run"),
    path("w/<str:workspace_id>/backlog/plans/<str:run_id>/stop/", run_page.stop, name="run-stop"),
    path("w/<str:workspace_id>/backlog/plans/<str:run_id>/undo/", run_page.undo, name="run-undo"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/backlog/plans/(?P<run_id>[^/]+)/(?P<verb>apply|reject|reopen)/$",
        run_page.decide,
        name="run-decide",
    ),
    path("w/<str:workspace_id>/backlog/plans/<str:run_id>/proposals/<str:proposal_id>/", proposal_edit.page, name="run-proposal"),
    # Backlog: triggers
    path("w/<str:workspace_id>/backlog/triggers/", triggers.page, name="triggers"),
    path("w/<str:workspace_id>/backlog/triggers/new/", trigger_edit.create, name="trigger-new"),
    path("w/<str:workspace_id>/backlog/triggers/<str:trigger_id>/", triggers.detail, name="trigger"),
    path("w/<str:workspace_id>/backlog/triggers/<str:trigger_id>/edit/", trigger_edit.edit, name="trigger-edit"),
    path("w/<str:workspace_id>/backlog/triggers/<str:trigger_id>/fire/", triggers.fire, name="trigger-fire"),
    path("w/<str:workspace_id>/backlog/triggers/<str:trigger_id>/secret/", triggers.new_secret, name="trigger-secret"),
    path("w/<str:workspace_id>/backlog/triggers/<str:trigger_id>/delete/", triggers.delete, name="trigger-delete"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/backlog/triggers/(?P<trigger_id>[^/]+)/(?P<verb>on|off)/$",
        triggers.switch,
        name="trigger-switch",
    ),
    # Backlog: one entry
    path("w/<str:workspace_id>/backlog/<str:entry_id>/", entry_page.page, name="entry"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/edit/", entry_edit.page, name="entry-edit"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/delete/", entry_edit.delete, name="entry-delete"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/instruct/", entry_talk.instruct, name="entry-instruct"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/answer/", entry_talk.answer, name="entry-answer"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/split/", entry_split.page, name="entry-split"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/expand/", entry_split.ask, name="entry-expand"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/stop-children/", entry_stop_children.stop, name="entry-stop-children"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/rejoin/", entry_split.undo, name="entry-rejoin"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/budget/", budget_edits.set_entry_budget, name="entry-budget"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/lock/", budget_edits.set_entry_lock, name="entry-lock"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/issue/", entry_issue.decide, name="entry-issue"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/reverify/", entry_actions.reverify, name="entry-reverify"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/rounds/", entry_actions.set_rounds, name="entry-rounds"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/rounds/<int:number>/", round_page.page, name="round"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/rounds/<int:number>/patch/", round_page.patch, name="round-patch"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/diff/", entry_diff.page, name="entry-diff"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/diff/patch/", entry_diff.patch, name="entry-diff-patch"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/preflight/", preflight.page, name="preflight"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/dispatch/", preflight.dispatch_entry, name="entry-dispatch"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/depend/", entry_dependencies.depend, name="entry-depend"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/undepend/", entry_dependencies.undepend, name="entry-undepend"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/approval/", moved.to_review, name="approval"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/approval/approve/", approval_actions.approve, name="approval-approve"),
    path(
        "w/<str:workspace_id>/backlog/<str:entry_id>/approval/send-back/", approval_actions.send_back, name="approval-send-back"
    ),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/choose/", approval_actions.choose, name="entry-choose"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/approval/tests/", approval_actions.name_tests, name="approval-tests"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/approval/locks/", approval_actions.release_locks, name="approval-locks"),
    path("w/<str:workspace_id>/backlog/<str:entry_id>/approval/comments/", approval_actions.comment, name="approval-comment"),
    path(
        "w/<str:workspace_id>/backlog/<str:entry_id>/approval/comments/<int:comment_id>/remove/",
        approval_actions.remove_comment,
        name="approval-comment-remove",
    ),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/backlog/(?P<entry_id>[^/]+)/(?P<verb>hold|release|done)/$",
        entry_actions.change_state,
        name="entry-act",
    ),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/backlog/(?P<entry_id>[^/]+)/set/(?P<what>priority|assign|parallel)/$",
        entry_actions.set_field,
        name="entry-set",
    ),
    # Sessions, and the hosts on which they work
    path("w/<str:workspace_id>/sessions/hosts/", hosts_page.page, name="hosts"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/sessions/hosts/(?P<host_id>[^/]+)/(?P<verb>drain|resume|forget)/$",
        hosts_page.change,
        name="host-change",
    ),
    path("w/<str:workspace_id>/sessions/", session_list.page, name="workers"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/", session_page.page, name="session"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/log/", session_log.page, name="session-log"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/stop/", executor_controls.stop_session, name="session-stop"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/message/", session_message.send, name="session-message"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/hold/", session_page.hold_after, name="session-hold"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/spend/", session_page.answer_spend, name="session-spend"),
    path("w/<str:workspace_id>/sessions/<str:session_id>/kill/", executor_controls.kill_session, name="session-kill"),
    # Landing
    path("w/<str:workspace_id>/landing/", landing_page.page, name="landing"),
    path("w/<str:workspace_id>/landing/check/", landing_actions.check, name="landing-check"),
    path("w/<str:workspace_id>/landing/accept/", landing_actions.accept, name="landing-accept"),
    path("w/<str:workspace_id>/landing/put-back/", landing_actions.put_back, name="landing-put-back"),
    path("w/<str:workspace_id>/landing/revert/", landing_actions.revert, name="landing-revert"),
    path("w/<str:workspace_id>/landing/push/", landing_actions.push, name="landing-push"),
    path("w/<str:workspace_id>/landing/merge/", landing_actions.merge, name="landing-merge"),
    # Money
    path("w/<str:workspace_id>/money/", budget_overview.page, name="budget"),
    path("w/<str:workspace_id>/money/cap/", budget_edits.set_cap, name="cap"),
    path("w/<str:workspace_id>/money/unknown/", budget_edits.settle_unknown, name="unknown"),
    path("w/<str:workspace_id>/money/total/", budget_edits.set_total_budget, name="total-budget"),
    path("w/<str:workspace_id>/money/limits/", budget_limits.set_limit, name="limit"),
    path("w/<str:workspace_id>/money/warnings/", budget_limits.set_thresholds, name="warnings"),
    path("w/<str:workspace_id>/money/reallocate/", reallocation.reallocate, name="reallocate"),
    path("w/<str:workspace_id>/money/auto/", reallocation.set_automatic, name="auto-reallocate"),
    path("w/<str:workspace_id>/money/entries/", budget_by_entry.page, name="budget-entries"),
    path("w/<str:workspace_id>/money/entries/bulk/", budget_bulk_edit.apply, name="budget-bulk"),
    path("w/<str:workspace_id>/money/ledger/", ledger.page, name="ledger"),
    path("w/<str:workspace_id>/money/ledger/<int:row_id>/correct/", ledger.correct, name="ledger-correct"),
    path("w/<str:workspace_id>/money/rounds/", most_expensive_rounds.page, name="budget-rounds"),
    path("w/<str:workspace_id>/money/changes/", budget_changes.page, name="changes"),
    path("w/<str:workspace_id>/money/estimates/", budget_estimates.page, name="budget-estimates"),
    # Money: insight
    path("w/<str:workspace_id>/money/insight/", insight.page, name="insight"),
    # Money: budget reviews
    path("w/<str:workspace_id>/money/reviews/", reviews.review_list, name="reviews"),
    path("w/<str:workspace_id>/money/reviews/new/", reviews.create, name="review-new"),
    path("w/<str:workspace_id>/money/reviews/<str:review_id>/", reviews.detail, name="review"),
    path("w/<str:workspace_id>/money/reviews/<str:review_id>/print.css", reviews.print_footer, name="review-footer"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/money/reviews/(?P<review_id>[^/]+)/(?P<verb>edit|propose|withdraw|ask|comment|decide)/$",
        reviews.change_review,
        name="review-act",
    ),
    # Settings: executor
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/settings/executor/(?P<verb>start|pause|resume)/$",
        executor_controls.change_state,
        name="executor",
    ),
    path("w/<str:workspace_id>/settings/executor/", executor_page.page, name="executor-page"),
    path("w/<str:workspace_id>/settings/executor/workers/", executor_page.set_workers, name="set-workers"),
    path("w/<str:workspace_id>/settings/executor/dispatch/", executor_controls.dispatch_now, name="dispatch"),
    path("w/<str:workspace_id>/settings/executor/stop/", executor_controls.stop_all, name="executor-stop"),
    # Settings: activity
    path("w/<str:workspace_id>/settings/activity/", activity.page, name="activity"),
    # Settings: the workspace, its config, people, agents and notices
    path("w/<str:workspace_id>/settings/", general_settings.page, name="settings"),
    path("w/<str:workspace_id>/settings/rename/", general_settings.rename, name="workspace-rename"),
    path("w/<str:workspace_id>/settings/delete/", general_settings.delete, name="workspace-delete"),
    path("w/<str:workspace_id>/settings/config/", config_settings.page, name="settings-config"),
    path("w/<str:workspace_id>/settings/members/", members.page, name="members"),
    path("w/<str:workspace_id>/settings/members/new/", members.add, name="member-new"),
    path("w/<str:workspace_id>/settings/members/groups/new/", groups.add, name="group-new"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/settings/members/groups/(?P<group_id>[0-9]{1,18})/remove/$",
        groups.remove,
        name="group-remove",
    ),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/settings/members/(?P<member_id>[0-9]{1,18})/(?P<verb>role|remove|link)/$",
        members.change_member,
        name="member-act",
    ),
    path("w/<str:workspace_id>/settings/agents/", agents.page, name="agent"),
    path("w/<str:workspace_id>/settings/agents/check/", agents.check, name="agent-check"),
    path("w/<str:workspace_id>/settings/agents/retry/", agents.retry, name="agent-retry"),
    path("w/<str:workspace_id>/settings/agents/credentials/", credentials.put, name="credentials"),
    path("w/<str:workspace_id>/settings/agents/credentials/address/", credentials.set_address, name="credential-address"),
    path("w/<str:workspace_id>/settings/agents/credentials/remove/", credentials.remove, name="credential-remove"),
    path("w/<str:workspace_id>/settings/agents/secrets/", agents.put_secret, name="secrets"),
    path("w/<str:workspace_id>/settings/agents/secrets/<str:name>/remove/", agents.remove_secret, name="secret-remove"),
    path("w/<str:workspace_id>/settings/notices/", notices.page, name="notices"),
    path("w/<str:workspace_id>/settings/notices/new/", notices.add, name="channel-new"),
    re_path(
        r"^w/(?P<workspace_id>[^/]+)/settings/notices/(?P<channel_id>chan_[^/]+)/(?P<verb>edit|test|on|off|secret|remove)/$",
        notices.change_channel,
        name="channel-act",
    ),
    path("w/<str:workspace_id>/settings/notices/deliveries/<str:delivery_id>/retry/", notices.retry, name="delivery-retry"),
    # Addresses of earlier releases, which bookmarks and sent notices contain
    moved.OLD,
    # The stream of the API, asynchronous and therefore outside django-ninja
    path("api/v1/workspaces/<str:workspace_id>/orchestration/events", streams.api, name="api-stream"),
]
