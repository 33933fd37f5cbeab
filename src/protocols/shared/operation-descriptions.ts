import type { Operation } from '../../contract/api/protocol.ts';

const disconnect =
  'When the client leaves early, `on_disconnect` says whether the run is cancelled (`cancel`) or goes on (`continue`).';
const idempotency =
  'A request that is sent again with the same `Idempotency-Key` gets the run of the first one, marked by the header `Idempotent-Replayed: true`.';
const durable = 'The answer comes once the run is stored; the start at the vendor is not waited for.';
const reconnect =
  'Every event has a number. A reader that was cut off sends the last one as `Last-Event-ID` and misses nothing.';

const threadEvents = `Streams the events of all runs of the thread, on the channels that the body names, as server-sent events. ${reconnect}`;
const threadSocket =
  'Opens a WebSocket on the thread: commands go in, their answers and the events of the subscribed channels come out.';

/** One paragraph for each operation, by method and path; protocols that share a path share its meaning. */
const descriptions: Readonly<Record<string, string>> = {
  'POST /agents/search':
    'Lists the agents of the config that the caller may use, by name and version, page by page. An empty body lists all of them.',
  'GET /agents/:agent_id': 'Returns one agent. The path takes its id or its name in the config.',
  'GET /agents/:agent_id/descriptor':
    'Returns what the agent can do and the JSON Schemas of its input, output, config and interrupts, as the config states them.',
  'GET /agents/:agent_id/schemas':
    'Returns the JSON Schemas of the input, the output and the config of the agent, as the config states them.',

  'POST /runs': `Creates a run of an agent. Without \`agent_id\` the default agent of the config runs. The input must fit the schema of the agent. ${durable} ${idempotency}`,
  'POST /runs/stream': `Creates a run and streams its events until it ends or is interrupted. ${disconnect} ${idempotency}`,
  'POST /runs/wait': `Creates a run and answers when it has ended or is interrupted, with its result. ${disconnect} ${idempotency}`,
  'POST /runs/search':
    'Lists runs by agent, status and metadata, newest first, page by page. An empty body lists all of them.',
  'GET /runs/:run_id':
    'Returns the run as it is now. Runs that were created through another protocol are found here too.',
  'GET /runs/:run_id/output':
    'Returns the result of the run, or waits for it up to `block_timeout` seconds. 204: the run is still pending, ask again.',
  'GET /runs/:run_id/wait':
    'Answers when the run has ended or is interrupted, with its result. A run that has ended answers at once.',
  'GET /runs/:run_id/stream': `Streams the events of the run as server-sent events, from the first one, until it ends or is interrupted. ${reconnect}`,
  'GET /runs/:run_id/threadstate': 'Returns the state that the run left in its thread; 409 if it has left none.',
  'POST /runs/:run_id':
    'Resumes an interrupted run. The body is the answer to its question and must fit the resume schema of the agent. 409 if the run is not interrupted.',
  'POST /runs/:run_id/cancel':
    'Cancels the run. `action=rollback` removes it as well; with `wait=true` the answer comes after the vendor was asked to stop. A run that has ended stays as it is.',
  'DELETE /runs/:run_id': 'Removes the run with its events. A live run is cancelled first.',

  'POST /threads': 'Creates a thread, in which runs share state one after another.',
  'POST /threads/search':
    'Lists threads by their metadata, newest first, page by page. An empty body lists all of them.',
  'GET /threads/:thread_id': 'Returns the thread with its status and its latest values.',
  'PATCH /threads/:thread_id': 'Changes the metadata or the values of the thread.',
  'DELETE /threads/:thread_id': 'Removes the thread with its history and its runs. 409 while one of its runs is live.',
  'POST /threads/:thread_id/copy': 'Creates a thread that starts with the state of this one.',
  'GET /threads/:thread_id/state': 'Returns the latest state of the thread.',
  'GET /threads/:thread_id/history': 'Lists the states of the thread, newest first. `before` continues after a page.',
  'GET /threads/:thread_id/runs': 'Lists the runs of the thread, newest first, page by page.',
  'POST /threads/:thread_id/runs': `Creates a run in the thread. \`if_not_exists\` says what happens without such a thread, \`multitask_strategy\` what happens when a run of it is live. ${durable} ${idempotency}`,
  'POST /threads/:thread_id/runs/stream': `Creates a run in the thread and streams its events until it ends or is interrupted. ${disconnect} ${idempotency}`,
  'POST /threads/:thread_id/runs/wait': `Creates a run in the thread and answers when it has ended or is interrupted, with its result. ${disconnect} ${idempotency}`,
  'GET /threads/:thread_id/runs/:run_id': 'Returns the run of the thread as it is now.',
  'GET /threads/:thread_id/runs/:run_id/wait':
    'Answers when the run of the thread has ended or is interrupted, with its result. A run that has ended answers at once.',
  'GET /threads/:thread_id/runs/:run_id/stream': `Streams the events of the run of the thread as server-sent events, from the first one. ${reconnect}`,
  'POST /threads/:thread_id/runs/:run_id':
    'Resumes an interrupted run of the thread. The body is the answer to its question and must fit the resume schema of the agent.',
  'POST /threads/:thread_id/runs/:run_id/cancel':
    'Cancels the run of the thread. `action=rollback` removes it as well, so that the thread is as before it; with `wait=true` the answer comes after the vendor was asked to stop.',
  'DELETE /threads/:thread_id/runs/:run_id':
    'Removes the run of the thread with its events. A live run is cancelled first.',
  'POST /threads/:thread_id/stream': threadEvents,
  'POST /threads/:thread_id/stream/events': threadEvents,
  'GET /threads/:thread_id/stream': threadSocket,
  'GET /threads/:thread_id/stream/events': threadSocket,
  'POST /threads/:thread_id/commands':
    'Carries out one command on the thread, such as starting a run or answering an interrupt. What follows from it comes on the event stream of the thread.',

  'PUT /store/items': 'Stores a value under a namespace and a key, in place of the one that was there.',
  'GET /store/items': 'Returns the value under a namespace and a key.',
  'DELETE /store/items': 'Removes the value under a namespace and a key.',
  'POST /store/items/search': 'Lists values below a namespace, by the members that they have, page by page.',
  'POST /store/namespaces': 'Lists the namespaces that hold values, by prefix and suffix, page by page.',
};

/** Throws for an operation that has no description: its document would be incomplete. */
export function describeInWords({ method, path, description: own }: Operation): string {
  const description = own ?? descriptions[`${method} ${path}`];
  if (description === undefined) throw new Error(`${method} ${path} has no description`);
  return description;
}
