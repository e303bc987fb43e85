// Every call of the documented API by the package, and what a caller may send by mistake. Prints the answers as one JSON object.
import { connect } from "muster-sdk";

const { MUSTER_URL, MUSTER_TOKEN, WORKSPACE, ENTRY, FRESH_ENTRY, SESSION } = process.env as Record<string, string>;
let status = 0;
const client = connect({
  baseUrl: MUSTER_URL,
  token: MUSTER_TOKEN,
  fetch: async (...request) => {
    const answer = await fetch(...request);
    status = answer.status;
    return answer;
  },
});
const workspaceID = WORKSPACE;
const entryID = ENTRY;
const sessionID = SESSION;
const recorded: Record<string, unknown> = {};

async function note(name: string, call: Promise<unknown>): Promise<void> {
  const body = await call.catch((error: unknown) => error);
  recorded[name] = { status, body };
}

const o = client.agent.orchestration;
await note("executorGetStatus", o.executorGetStatus({ workspaceID }));
await note("executorGetWorkers", o.executorGetWorkers({ workspaceID }));
await note("executorGetLocks", o.executorGetLocks({ workspaceID }));
await note("executorPause", o.executorPause({ workspaceID }));
await note("executorResume", o.executorResume({ workspaceID }));
await note("executorStart", o.executorStart({ workspaceID }));
await note("executorStopWorker", o.executorStopWorker({ workspaceID, sessionID }));
await note("executorStopWorker unknown", o.executorStopWorker({ workspaceID, sessionID: "sess_4j6h8g2f1d9s7a5b" }));
await note("executorForceDispatch", o.executorForceDispatch({ workspaceID }));
await note("executorReverifyEntry", o.executorReverifyEntry({ workspaceID, entryID }));
await note("executorReverifyEntry fresh", o.executorReverifyEntry({ workspaceID, entryID: FRESH_ENTRY }));
await note("executorReverifyEntry unknown", o.executorReverifyEntry({ workspaceID, entryID: "entry_7k9m2n4p8q1r3s5t" }));
await note("budgetUpdateGlobal", o.budgetUpdateGlobal({ workspaceID, data: { max_project_spend_usd: 600 } }));
await note("budgetEdit", o.budgetEdit({ workspaceID, entryID, data: { budget_usd: 75 } }));
await note("budgetLock", o.budgetLock({ workspaceID, entryID }));
await note("executorStopAll", o.executorStopAll({ workspaceID }));
await note("budgetGetStatus", o.budgetGetStatus({ workspaceID }));

// What a caller without types may send: refused, never silently taken.
await note("without a body", o.budgetUpdateGlobal({ workspaceID } as never));
await note("with an empty body", o.budgetUpdateGlobal({ workspaceID, data: {} } as never));
await note("with another's body", o.budgetUpdateGlobal({ workspaceID, data: { budget_usd: 1 } } as never));
await note("budgetEdit without a body", o.budgetEdit({ workspaceID, entryID } as never));
console.log(JSON.stringify(recorded));
