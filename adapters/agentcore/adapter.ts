import { z } from 'zod';
import type { Observation, StartAnswer, StartRequest } from '../../src/contract/adapter/adapter.ts';
import { type Consequence, type HttpCall, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { findReason } from '../../src/json/find-reason.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { type Authorizer, clientAuthorizer } from '../authorizer.ts';
import { signForAws } from '../aws-signature.ts';
import { callAuthorized } from '../call-authorized.ts';
import { actOnce, endRun } from '../call-rules.ts';
import { defineAdapter } from '../define-adapter.ts';
import { fillPath } from '../path.ts';
import { runConfig, type Settings, settings, type Target, target } from './settings.ts';

const sessionHeader = 'x-amzn-bedrock-agentcore-runtime-session-id';
const userHeader = 'x-amzn-bedrock-agentcore-runtime-user-id';
/** Shorter ids of sessions are refused. */
const minSessionLength = 33;

/**
 * Agents in the runtime of Amazon Bedrock AgentCore. An invocation is answered by the agent itself, with its result; there is
 * no run to ask for.
 */
export const agentcore = defineAdapter({
  name: 'agentcore',
  capabilities: { resume: false, cancel: true, push: false, session: false },
  settings,
  target,
  runConfig,
  secretsOf: ({ secretAccessKey, sessionToken, bearerToken, oauth2 }) =>
    [secretAccessKey, sessionToken, bearerToken, oauth2?.clientSecret].filter((secret) => secret !== undefined),

  connect(settings, http) {
    const auth = authorizerOf(settings, http);
    const send = <T>(call: HttpCall<T>) => callAuthorized(http, auth, call);
    return {
      async start(request) {
        try {
          const { raw, headers } = await send(invocationOf(request));
          return endWith(observe(raw, headers[sessionHeader]));
        } catch (error) {
          return endWith(failureIn(error));
        }
      },

      async observe() {
        // Every start answers with the end, so that nothing is ever asked for.
        throw new UpstreamFault({ consequence: 'gone', kind: 'malformed', message: 'AgentCore keeps no runs' });
      },

      async cancel(target, { runId }) {
        await send({
          ...shared,
          ...endRun,
          purpose: 'cancel',
          method: 'POST',
          path: `${fillPath('/runtimes/{agentRuntimeArn}/stopruntimesession', { agentRuntimeArn: target.agentRuntimeArn })}${queryOf(target)}`,
          headers: { [sessionHeader]: runId },
          body: { clientToken: runId },
          answer: anything,
        });
      },

      adoption: { refOf: (_target, runId) => ({ runId: sessionOf(runId) }) },
    };
  },
});

const anything = z.unknown();
const shared = { errorMessage: findReason } as const;

function authorizerOf(settings: Settings, http: HttpClient): Authorizer {
  const { region, accessKeyId, secretAccessKey, sessionToken, bearerToken, oauth2 } = settings;
  if (oauth2 !== undefined) return clientAuthorizer(oauth2, http);
  if (bearerToken !== undefined) return { authorize: () => ({ headers: { authorization: `Bearer ${bearerToken}` } }) };
  if (region === undefined || accessKeyId === undefined || secretAccessKey === undefined)
    throw new TypeError('the settings have no credentials');
  const keys = { accessKeyId, secretAccessKey, sessionToken: sessionToken || undefined };
  return { authorize: signForAws({ ...keys, service: 'bedrock-agentcore', region }) };
}

function invocationOf({ target, input, runId }: StartRequest<Target>): HttpCall<unknown> {
  const user: Readonly<Record<string, string>> = target.userId === undefined ? {} : { [userHeader]: target.userId };
  return {
    ...shared,
    ...actOnce,
    purpose: 'start',
    method: 'POST',
    path: `${fillPath('/runtimes/{agentRuntimeArn}/invocations', { agentRuntimeArn: target.agentRuntimeArn })}${queryOf(target)}`,
    headers: { [sessionHeader]: sessionOf(runId), ...user },
    body: input,
    events: {},
    takesText: true,
    readsBody: true,
    holdMs: target.maxSeconds * 1000,
    answer: anything,
  };
}

function queryOf({ qualifier }: Target): string {
  return qualifier === undefined ? '' : `?${new URLSearchParams({ qualifier })}`;
}

/** A run has a session of its own, so that stopping the session stops this run alone. */
function sessionOf(runId: string): string {
  return runId.padEnd(minSessionLength, '-');
}

const endWith = (observation: Observation): StartAnswer => ({ upstream: null, observation });

function observe(raw: Json, sessionId: string | undefined): Observation {
  const session: JsonObject = sessionId === undefined ? {} : { sessionId };
  if (!isJsonObject(raw) || !Array.isArray(raw.events))
    return { status: 'completed', raw: { response: raw, ...session } };
  const events: readonly Json[] = raw.events.map((event: Json) => (isJsonObject(event) ? (event.data ?? null) : null));
  const last = events.at(-1);
  // The vendor's own framework for agents writes its failure into the stream, whose status has been sent.
  const hasFailed = isJsonObject(last) && typeof last.error === 'string' && typeof last.error_type === 'string';
  const error: JsonObject = hasFailed ? { error: last } : {};
  return { status: hasFailed ? 'failed' : 'completed', raw: { events, ...error, ...session } };
}

/** 424 is the answer for an agent that failed, which is an end of its run. Throws what is a fault of the call. */
function failureIn(error: unknown): Observation {
  if (!(error instanceof UpstreamFault)) throw error;
  if (error.httpStatus !== 424) throw judge(error);
  return {
    status: 'failed',
    raw: { error: { error_type: 'RuntimeClientError', error: error.message, answer: error.answer } },
  };
}

/** Before the agent is reached, the vendor refuses for a while: a quota of sessions (402), or a session that is changing (409). */
function judge(fault: UpstreamFault): UpstreamFault {
  if (fault.httpStatus !== 402 && fault.httpStatus !== 409) return fault;
  const { kind, message, httpStatus, retryAfterMs, answer, headers, cause } = fault;
  const consequence: Consequence = 'retry';
  return new UpstreamFault({ consequence, kind, message, httpStatus, retryAfterMs, answer, headers, cause });
}
