// Every call of contract.md, spelled as there, by the generated client. Prints the answers as one JSON object.
import { createClient, createConfig } from "./client/client/index";
import { Client } from "./client/sdk.gen";

const { MUSTER_URL, MUSTER_TOKEN, WORKSPACE, ENTRY, FRESH_ENTRY, SESSION } = process.env as Record<string, string>;
const client = new Client({
  client: createClient(createConfig({ baseUrl: MUSTER_URL, headers: { Authorization: `Bearer ${MUSTER_TOKEN}` } })),
});
const workspaceID = WORKSPACE;
const entryID = ENTRY;
const sessionID = SESSION;
const told: Record<string, unknown> = {};

async function note(name: string, call: Promise<{ data?: unknown; error?: unknown; response?: Response }>): Promise<void> {
  const { data, error, response } = await call;
  told[name] = { status: response?.status, body: data ?? error };
}

async function main(): Promise<void> {
  const o = client.agent.orchestration;
  await note("executorGetStatus", o.executorGetStatus({ workspaceID }));
  await note("executorGetWorkers", o.executorGetWorkers({ workspaceID }));
  await note("executorGetLocks", o.executorGetLocks({ workspaceID }));
  await note("executorPause", o.executorPause({ workspaceID }));
  await note("executorResume", o.executorResume({ workspaceID }));
  await note("executorStart", client.agent.orchestration.executorStart({ workspaceID }));
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

  const budget = await o.budgetGetStatus({ workspaceID });
  const spent: number = budget.data!.global.total_spent_usd; // type-checked: an amount is a number
  told["budgetGetStatus"] = { status: budget.response?.status, body: budget.data, spent };

  // What a caller without types may send by mistake: refused, never silently taken.
  await note("without a body", o.budgetUpdateGlobal({ workspaceID } as never));
  await note("with an empty body", o.budgetUpdateGlobal({ workspaceID, data: {} } as never));
  await note("with another's body", o.budgetUpdateGlobal({ workspaceID, data: { budget_usd: 1 } } as never));
  await note("budgetEdit without a body", o.budgetEdit({ workspaceID, entryID } as never));
  console.log(JSON.stringify(told));
}

void main();
