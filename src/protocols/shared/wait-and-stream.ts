import type { Answer, Decoded, EventEncoder } from '../../contract/api/protocol.ts';
import type { CreateRun, Creation, UseCases } from '../../contract/api/use-cases.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';

/** What becomes of a run whose client leaves before it is answered. */
export type OnDisconnect = 'cancel' | 'continue';

type Client = Pick<Decoded<unknown, unknown, unknown>, 'signal' | 'clientLeft'>;

/** How a protocol tells a run's events. */
export type StreamEncoding = { readonly encode: EventEncoder; readonly eventName?: (event: RunEvent) => string };

/** The later protocols wait without a limit; Node's timers cannot. About 23 days, and no agent may take longer. */
const maxWaitMs = 2_000_000_000;

export function keyOf({ tenant, runId }: Run): RunKey {
  return { tenant, runId };
}

/** The run once it is not pending; as it is where the gateway drains. */
export function awaitEnd(use: UseCases, key: RunKey, client: Client): Promise<Run> {
  return use.awaitRun(key, maxWaitMs, client.signal);
}

export async function createAndWait(
  use: UseCases,
  command: CreateRun,
  onDisconnect: OnDisconnect,
  client: Client,
): Promise<Creation> {
  const { run, replayed } = await use.createRun(command);
  const ended = await awaitEnd(use, keyOf(run), client);
  if (ended.status !== 'pending' || onDisconnect === 'continue' || !client.clientLeft())
    return { run: ended, replayed };
  return { run: await use.cancelRun(keyOf(run), { action: 'interrupt', wait: false }), replayed };
}

export async function createAndFollow(
  use: UseCases,
  command: CreateRun,
  onDisconnect: OnDisconnect,
  encodingFor: (run: Run) => StreamEncoding,
): Promise<Answer> {
  const { run, replayed } = await use.createRun(command);
  const stream = { ...(await followRun(use, run, 0, encodingFor(run))), replayed };
  if (onDisconnect === 'continue') return stream;
  const onLeft = async () => {
    await use.cancelRun(keyOf(run), { action: 'interrupt', wait: false });
  };
  return { ...stream, onLeft };
}

/** The stream of a run as it was just found; it ends with the run, or with an interrupt that nobody has answered. */
export async function followRun(
  use: UseCases,
  run: Run,
  afterSeq: number,
  options: StreamEncoding,
): Promise<Extract<Answer, { kind: 'stream' }>> {
  const feed = await use.watchRun(keyOf(run), afterSeq);
  // Something followed an older interrupt: it was answered, and the stream goes on to what came of it.
  const endsAfter = ({ seq, change }: RunEvent): boolean => change.kind === 'interrupt' && seq >= run.lastSeq;
  return { kind: 'stream', feed, runId: run.runId, ...options, endsAfter };
}
