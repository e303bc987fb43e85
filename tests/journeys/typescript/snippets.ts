// The fourteen snippets of the documented API, as they stand there but for the ids.
import { connect } from "muster-sdk";

const { MUSTER_URL, MUSTER_TOKEN, WORKSPACE, ENTRY, SESSION } = process.env as Record<string, string>;
const client = connect({ baseUrl: MUSTER_URL, token: MUSTER_TOKEN });

const started = await client.agent.orchestration.executorStart({ workspaceID: WORKSPACE });
const paused = await client.agent.orchestration.executorPause({ workspaceID: WORKSPACE });
const resumed = await client.agent.orchestration.executorResume({ workspaceID: WORKSPACE });
const dispatched = await client.agent.orchestration.executorForceDispatch({ workspaceID: WORKSPACE });
const status = await client.agent.orchestration.executorGetStatus({ workspaceID: WORKSPACE });
const { workers } = await client.agent.orchestration.executorGetWorkers({ workspaceID: WORKSPACE });
const locks = await client.agent.orchestration.executorGetLocks({ workspaceID: WORKSPACE });
const stopped = await client.agent.orchestration.executorStopWorker({ workspaceID: WORKSPACE, sessionID: SESSION });
const result = await client.agent.orchestration.executorReverifyEntry({ workspaceID: WORKSPACE, entryID: ENTRY }).catch(String);
const budget = await client.agent.orchestration.budgetGetStatus({ workspaceID: WORKSPACE });
const updated = await client.agent.orchestration.budgetUpdateGlobal({ workspaceID: WORKSPACE, data: { max_project_spend_usd: 600 } });
const edited = await client.agent.orchestration.budgetEdit({ workspaceID: WORKSPACE, entryID: ENTRY, data: { budget_usd: 75 } });
const locked = await client.agent.orchestration.budgetLock({ workspaceID: WORKSPACE, entryID: ENTRY });
const all = await client.agent.orchestration.executorStopAll({ workspaceID: WORKSPACE });

const words: string[] = [status.state, ...workers.map((worker) => worker.sessionID), ...Object.keys(locks)];
const amounts: number[] = [budget.global.total_spent_usd, updated.max_project_spend_usd];
const facts = [started.started, paused.paused, resumed.resumed, dispatched.dispatched, stopped.stopped, edited.locked, locked.locked, all.stopped];
console.log(JSON.stringify({ words, amounts, facts, result }));
