"""Every call of the API with its command, or with the reason why it has none. `muster api` makes any of them."""

COMMANDS = {
    "approvalsApprove": "approve",
    "approvalsGet": "approve",
    "approvalsSendBack": "send-back",
    "budgetEdit": "budget",
    "budgetGetStatus": "budget",
    "budgetLock": "budget",
    "budgetUpdateGlobal": "budget",
    "executorExplain": "why",
    "executorGetStatus": "status",
    "executorGetWorkers": "status",
    "executorKillWorker": "stop",
    "executorPause": "pause",
    "executorResume": "start",
    "executorStart": "start",
    "executorStopAll": "stop",
    "executorStopWorker": "stop",
    "landingGet": "status",
    "landingHistory": "entries",
    "meGet": "whoami",
    "planRunsCreate": "plan",
    "runsApply": "plan",
    "runsGet": "plan",
    "runsList": "runs",
    "runsLog": "logs",
    "runsProposals": "runs",
    "runsReject": "runs",
    "runsStop": "stop",
    "runsUndo": "runs",
    "sessionGet": "logs",
    "sessionLog": "logs",
    "sessionMessagesCreate": "ask",
    "todoEntriesCreate": "add",
    "todoEntryDelete": "remove",
    "todoEntryDiff": "diff",
    "todoEntryGet": "entries",
    "todoEntryInstructionsCreate": "ask",
    "todoEntryMessages": "ask",
    "todoEntryPriority": "edit",
    "todoEntryRounds": "budget",
    "todoEntryRoundsGet": "diff",
    "todoEntryStatus": "start",
    "todoEntryStop": "stop",
    "todoEntryUpdate": "edit",
    "todoGet": "entries",
    "todoQuestionAnswer": "answer",
    "todoQuestionsUnanswered": "answer",
    "triggersFire": "triggers",
    "triggersFirings": "triggers",
    "triggersGet": "triggers",
    "triggersList": "triggers",
    "workspacesList": "workspaces",
}

WITH_AN_AGENTS_TOKEN = "Agents call it, with the token of their session."
FOR_PROGRAMS = "Programs call it: it books or explains money in bulk."
SEEN_BEFORE_DECIDED = "A person decides with the page before their eyes: muster open."
SET_UP_ONCE = "It sets up a workspace: done once, on its page or with ./muster on the server."
RARE = "Rare: its page, or muster api."

WITHOUT_COMMAND = {
    WITH_AN_AGENTS_TOKEN: {"sessionProgress", "sessionUsage"},
    FOR_PROGRAMS: {
        *("adjustmentsCreate", "changesList", "chargesCreate", "holdsList", "ledgerList"),
        *("permitRequests", "permitsCreate", "permitsDelete", "reconciliationsCreate", "sessionRequests", "todoEvents"),
    },
    SEEN_BEFORE_DECIDED: {
        *("approvalsChoose", "approvalsComments", "approvalsNameTests", "approvalsReleaseLocks", "sessionSpendAnswer"),
        *("landingAccept", "landingCheck", "landingMerge", "landingPush", "landingPutBack", "landingRevert"),
        *("pullRequestsGet", "runsProposalPatch", "runsProposalPut", "runsReopen", "todoEntrySplit", "todoEntrySplitUndo"),
        *("reviewsCommentCreate", "reviewsCreate", "reviewsDecide", "reviewsGet", "reviewsLines", "reviewsList", "reviewsOpen"),
        *("reviewsUpdate", "budgetReallocate", "budgetForecast"),
    },
    SET_UP_ONCE: {
        *("workspaceDelete", "workspaceGet", "workspaceUpdate", "workspacesCreate", "configGet", "configUpdate"),
        *("credentialsDelete", "credentialsList", "credentialsRetry", "credentialsSet"),
        *("secretsDelete", "secretsList", "secretsSet", "limitsGet", "limitsUpdate"),
        *("channelsCreate", "channelsDelete", "channelsList", "channelsTest", "channelsUpdate"),
        *("deliveriesList", "deliveriesRetry"),
        *("triggersCreate", "triggersDelete", "triggersUpdate"),
    },
    RARE: {
        *("agentGet", "agentRetry", "executorForceDispatch", "executorGetLocks", "executorReverifyEntry"),
        *("expandRunsCreate", "orchestratorRunsCreate", "todoEntryQuestions"),
        *("todoEntrySpecFreeze", "todoEntrySpecGet", "todoEntrySpecPut"),
    },
}
