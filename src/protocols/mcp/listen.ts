import { z } from 'zod';
import type { EventBatches, RunEvent } from '../../contract/domain/event.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { foundOrNull } from '../shared/found-or-null.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { agentOf, findRun } from './agent-of-run.ts';
import { type Call, Reply, respond } from './call.ts';
import { Notifications } from './notifications.ts';
import { metaKeys } from './revisions.ts';
import { invalidMessage, invalidParams, tasksRequired } from './rpc-error.ts';
import { encodeDetailedTask } from './tasks.ts';

/** Each is followed for as long as its task lives. */
const maxTasks = 100;
/** What the gateway has no notifications for is left out of the acknowledgment. */
const filterSchema = z.looseObject({
  toolsListChanged: z.boolean().optional(),
  taskIds: z.array(z.string()).max(maxTasks).optional(),
});

/** `subscriptions/listen`: a stream of changes of the list of tools, and of tasks, until its client leaves. */
export async function listen(call: Call): Promise<Reply> {
  const filter = filterSchema.safeParse(call.params.notifications);
  if (!filter.success)
    throw invalidParams(`params/notifications must be an object, with taskIds of up to ${maxTasks} texts`);
  const { toolsListChanged = false, taskIds } = filter.data;
  if (taskIds !== undefined && !call.client.takesTasks) throw tasksRequired();
  if (!call.client.takesEvents)
    throw invalidMessage('its client must accept text/event-stream', { isDocumented: false });
  const runs = await findAll(call, taskIds ?? []);
  const agreed = {
    ...(toolsListChanged ? { toolsListChanged } : {}),
    ...(taskIds === undefined ? {} : { taskIds: runs.map(({ runId }) => runId) }),
  };
  const notifications = new Notifications(
    notify(call, 'notifications/subscriptions/acknowledged', { notifications: agreed }),
  );
  const farewell = respond(call, { _meta: { [metaKeys.subscriptionId]: call.id } });
  if (toolsListChanged) {
    const changed = notify(call, 'notifications/tools/list_changed', {});
    notifications.onClosed(call.api.agents.onChanged(() => void notifications.put(changed)));
  }
  const following = runs.map((run) => followTask(call, run, notifications));
  // Nothing would follow.
  if (!toolsListChanged)
    void Promise.all(following).then(
      () => notifications.end(farewell),
      () => {},
    );
  return new Reply({ kind: 'events', events: notifications, farewell: { data: farewell } });
}

/** Tasks that are not there, or not for this client, are left out. */
async function findAll(call: Call, ids: readonly string[]): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for (const id of new Set(ids)) {
    const run = await foundOrNull(findRun(call, id), 'run_not_found');
    if (run !== null) runs.push(run.run);
  }
  return runs;
}

/** Notifies of a task as it is, and of each change until it is over. Never rejects. */
async function followTask(call: Call, run: Run, notifications: Notifications): Promise<void> {
  try {
    const events = await foundOrNull(call.api.runs.watch(keyOf(run), run.lastSeq), 'run_not_found');
    if (events === null) return;
    notifications.onClosed(() => void events.return());
    await notifyOfTask(call, run, notifications);
    while (run.phase !== 'done' && !notifications.isOver) {
      const changes = await nextChanges(events);
      if (changes === null) return;
      if (!changes.some(isNews)) continue;
      const now = await foundOrNull(call.api.runs.get(keyOf(run)), 'run_not_found');
      if (now === null) return;
      await notifyOfTask(call, now, notifications);
    }
  } catch (fault) {
    notifications.fail(fault);
  }
}

async function notifyOfTask(call: Call, run: Run, notifications: Notifications): Promise<void> {
  const { client, retentionMs, api } = call;
  const task = await encodeDetailedTask(run, { agent: agentOf(api, run), canElicit: client.canElicit, retentionMs });
  await notifications.put(notify(call, 'notifications/tasks', task));
}

async function nextChanges(events: EventBatches<RunEvent>): Promise<readonly RunEvent[] | null> {
  const { done, value } = await events.next();
  return done === true ? null : value;
}

/** Partial outputs are no part of a task. */
function isNews({ change }: RunEvent): boolean {
  return change.kind !== 'partial' && change.kind !== 'replaced';
}

function notify({ id }: Call, method: string, params: JsonObject): JsonObject {
  return { jsonrpc: '2.0', method, params: { ...params, _meta: { [metaKeys.subscriptionId]: id } } };
}
