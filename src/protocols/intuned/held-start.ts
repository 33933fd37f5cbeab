import type { Api } from '../../contract/api/api.ts';
import type { Answer } from '../../contract/api/protocol.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run } from '../../contract/domain/run.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { encodeRefusal } from './errors.ts';

/** How long the answer to a start waits for the vendor's. */
const maxHeldMs = 2000;
/** Of a refusal whose status was not kept. */
const usualStatus = 422;

/** The run once the vendor has answered its start, or as it is when the time is over or the client has left. */
export async function awaitStart(api: Api, run: Run, signal: AbortSignal): Promise<Run> {
  const events = await api.runs.watch(keyOf(run), 0);
  const end = () => void events.return();
  const timer = setTimeout(end, maxHeldMs);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    for await (const batch of events) if (batch.some(isAnswered)) break;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
  return await api.runs.get(keyOf(run));
}

function isAnswered({ change }: RunEvent): boolean {
  return change.kind === 'phase' ? change.phase === 'running' || change.phase === 'done' : change.kind !== 'replaced';
}

/** The answer that the vendor's refusal of a start becomes; null: it did not refuse the run. */
export function refusalOf({ outcome, vendor }: Run, requestId: string): Extract<Answer, { kind: 'json' }> | null {
  if (outcome?.kind !== 'error' || outcome.errcode !== errcodes.startRejected) return null;
  const { http_status: kept, ...body } = vendor ?? {};
  const status = typeof kept === 'number' && kept >= 400 && kept < 600 ? kept : usualStatus;
  return { kind: 'json', status, body: encodeRefusal(status, outcome.description, body, requestId) };
}
