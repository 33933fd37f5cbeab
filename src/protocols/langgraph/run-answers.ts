import type { Api } from '../../contract/api/api.ts';
import type { Answer } from '../../contract/api/protocol.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { interruptId } from '../shared/interrupt-ids.ts';
import { readStateAfter, readThread } from './context.ts';
import { encodeRun, isCancelled } from './encode.ts';
import { encodeFailure } from './failures.ts';
import { headersOf } from './run-stream.ts';
import { encodeState, stateBefore } from './state.ts';

/** Not retried by a client, which would make another run. */
const pending = {
  error: 'Draining',
  message: 'the gateway is shutting down; the run goes on, and can be joined again',
};

/** The answer of a wait: the values themselves, with what the run asks, or why it failed. Always 200: clients raise by the member. */
export async function answerWait(
  api: Api,
  run: Run,
  { replayed = false, isEnded = false }: { readonly replayed?: boolean; readonly isEnded?: boolean } = {},
): Promise<Answer> {
  const { runId, waiting } = run;
  return {
    ...{ kind: 'json', status: 200 },
    body: isEnded || isCancelled(run) ? await encodeThread(api, run) : await encodeEnd(api, run),
    ...{ runId, replayed, waiting, headers: headersOf(run, 'join') },
  };
}

/** The state of the thread, which a run that was cancelled leaves as it was. */
async function encodeThread(api: Api, run: Run): Promise<JsonObject> {
  return encodeState(await readThread(api, run), run.threadId ?? run.runId);
}

async function encodeEnd(api: Api, run: Run): Promise<JsonObject> {
  const { outcome, status, runId, threadId, lastSeq } = run;
  // Only a drain ends a wait before the run.
  if (status === 'pending' || outcome === null) return { __error__: pending };
  switch (outcome.kind) {
    case 'result':
      return encodeState(await readStateAfter(api, run, outcome.value), threadId ?? runId);
    case 'interrupt': {
      const state = stateBefore(await readThread(api, run), run.request);
      const asked = [{ id: interruptId({ runId, seq: lastSeq }), value: outcome.payload }];
      return { ...encodeState(state, threadId ?? runId), __interrupt__: asked };
    }
    case 'error':
      return { __error__: encodeFailure(outcome) };
    default:
      return assertNever(outcome);
  }
}

/** The body of a webhook: the run, and what it has given, asks or failed of. */
export function encodeDelivery(run: Run): JsonObject {
  const { runId, threadId, outcome, lastSeq } = run;
  const told = encodeRun(run);
  switch (outcome?.kind) {
    case 'result':
      return { ...told, values: encodeState({ values: outcome.value, messages: [] }, threadId ?? runId) };
    case 'interrupt':
      return {
        ...told,
        values: { __interrupt__: [{ id: interruptId({ runId, seq: lastSeq }), value: outcome.payload }] },
      };
    case 'error':
      return { ...told, error: encodeFailure(outcome) };
    case undefined:
      return told;
    default:
      return assertNever(outcome);
  }
}
