import { LRUCache } from 'lru-cache';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Headers, Reply } from '../wire-host.ts';
import type { StandIn } from './stand-in.ts';
import { outputOf, reasonOf, type Show } from './vendor-runs.ts';

const sessionHeader = 'x-amzn-bedrock-agentcore-runtime-session-id';
/** The vendor ends a plain answer after 15 minutes. */
const maxAnswerMs = 900_000;
const maxSessions = 10_000;

const showEnd = ((_run, view): Json => {
  const reason = reasonOf(view);
  return reason === null ? outputOf(view) : { message: reason };
}) satisfies Show;

/** The last part of an agent runtime's ARN, which is the name of a script. */
function scriptOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

/** The signature is not judged: the sandbox knows the id of the key alone. */
function keyOf({ authorization = '' }: Headers): string | undefined {
  return /^(?:Bearer |AWS4-HMAC-SHA256 Credential=)([^/,]+)/.exec(authorization)?.[1];
}

/** The runtime of AgentCore: an invocation is answered once its script is over. */
export const agentcore: StandIn = {
  vendor: 'agentcore',
  keyOf,
  encodeError: (_status, message) => ({ message }),
  newId: 'uuid',
  routes: (runs) => {
    /** The run of a session's last invocation. */
    const sessions = new LRUCache<string, string>({ max: maxSessions });
    const runIn = (headers: Headers) => runs.find(sessions.get(String(headers[sessionHeader])) ?? '');
    return {
      'POST /runtimes/{arn}/invocations': [
        'start',
        ({ parts, body = {}, headers, once }) => {
          let isNew = false;
          const { runId, reply } = once(() => {
            isNew = true;
            let runId: string | null = null;
            const reply = runs.start({ agent: scriptOf(parts.arn ?? ''), input: body }, (run) => {
              runId = run.runId;
              return null;
            });
            return { runId: runId as string | null, reply };
          });
          if (runId === null) return reply;
          if (isNew) sessions.set(String(headers[sessionHeader]), runId);
          const run = runs.find(runId);
          if (run === null) return runs.refuse(500, 'the session is gone');
          const view = runs.viewOf(run);
          const isOver = view.kind === 'completed' || view.kind === 'failed' || view.kind === 'canceled';
          const spoilt = isNew && reply.fault != null ? { fault: reply.fault } : {};
          const answer: Reply = { status: view.kind === 'completed' ? 200 : 424, body: showEnd(run, view), ...spoilt };
          return isOver ? answer : { ...answer, holdMs: maxAnswerMs };
        },
      ],
      'POST /runtimes/{arn}/stopruntimesession': [
        'event',
        ({ headers }) =>
          runs.cancel(runIn(headers), (): JsonObject => ({ runtimeSessionId: String(headers[sessionHeader]) })),
      ],
    };
  },
};
