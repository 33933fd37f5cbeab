import type { Api } from '../../contract/api/api.ts';
import type { Answer, Decoded, EventEncoder } from '../../contract/api/protocol.ts';
import type { CreatedRun, CreateRun } from '../../contract/api/runs.ts';
import { maxWaitSeconds } from '../../contract/domain/clock.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';

/** What happens to a run whose client disconnects before it is answered. */
export type OnDisconnect = 'cancel' | 'continue';

type Client = Pick<Decoded<unknown, unknown, unknown>, 'signal' | 'clientLeft'>;

/** How a protocol encodes a run's events. */
export type StreamEncoding = { readonly encode: EventEncoder; readonly eventName?: (event: RunEvent) => string };

/** The later protocols wait without a limit; no agent may take longer than this. */
const maxWaitMs = maxWaitSeconds * 1000;

export function keyOf({ tenant, runId }: Run): RunKey {
  return { tenant, runId };
}

/** The run once it is not pending, or as it is when the gateway drains. */
export function awaitEnd(api: Api, key: RunKey, client: Client): Promise<Run> {
  return api.runs.wait(key, maxWaitMs, client.signal);
}

export async function createAndWait(
  api: Api,
  command: CreateRun,
  onDisconnect: OnDisconnect,
  client: Client,
): Promise<CreatedRun> {
  const { run, replayed } = await api.runs.create(command);
  const ended = await awaitEnd(api, keyOf(run), client);
  if (ended.status !== 'pending' || onDisconnect === 'continue' || !client.clientLeft())
    return { run: ended, replayed };
  return { run: await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false }), replayed };
}

export async function createAndFollow(
  api: Api,
  command: CreateRun,
  onDisconnect: OnDisconnect,
  encodingFor: (run: Run) => StreamEncoding,
): Promise<Answer> {
  const { run, replayed } = await api.runs.create(command);
  const stream = { ...(await followRun(api, run, 0, encodingFor(run))), replayed };
  if (onDisconnect === 'continue') return stream;
  const onLeft = async () => {
    await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
  };
  return { ...stream, onLeft };
}

/**
 * Whether a reader that comes back has every event of a run that is over. Answered with 204, which tells `EventSource` to
 * stop; a stream that ends at once would have it reconnect for ever.
 */
export function hasWholeStream(run: Run, afterSeq: number): boolean {
  return run.phase === 'done' && afterSeq >= run.lastSeq;
}

/** The stream of a run that was just read; it ends with the run, or with an interrupt that is not answered yet. */
export async function followRun(
  api: Api,
  run: Run,
  afterSeq: number,
  options: StreamEncoding,
): Promise<Extract<Answer, { kind: 'stream' }>> {
  const events = await api.runs.watch(keyOf(run), afterSeq);
  // An interrupt before the run's last event was answered, so the stream continues after it.
  const endsAfter = ({ seq, change }: RunEvent): boolean => change.kind === 'interrupt' && seq >= run.lastSeq;
  return { kind: 'stream', events, runId: run.runId, waiting: run.waiting, ...options, endsAfter };
}
