import { type CallRule, type HttpCall, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { actOnce, endRun, observeRun, refuseOther } from '../call-rules.ts';
import { defineAdapter } from '../define-adapter.ts';
import { fillPath } from '../path.ts';
import { defaultPaths, type Paths, runConfig, type Settings, settings, type Target, target } from './settings.ts';
import { type AgentEvent, agentEvent, eventAnswer, findErrorMessage, runAnswer, startAnswer } from './wire.ts';

/** Restack's engine: agents, which take events, and workflows. */
export const restack = defineAdapter({
  name: 'restack',
  capabilities: { resume: true, cancel: true, push: false, session: true, adopt: 'start' },
  settings,
  target,
  runConfig,
  capabilitiesOf: ({ agent, cancelEvent, mode }) => ({
    resume: agent !== undefined,
    cancel: cancelEvent !== undefined,
    session: mode === 'thread',
  }),
  secretsOf: ({ token }) => (token === undefined ? [] : [token]),

  connect(settings, http) {
    const engine = reachEngine(settings, http);
    const { idempotencyHeader } = settings;
    const isRepeatable = idempotencyHeader !== undefined;
    return {
      ...(isRepeatable ? { adoption: {}, resumesOnce: true } : {}),

      async start({ target, input, runId: key }) {
        const { body } = await engine.call({
          ...actOnce,
          key,
          purpose: 'start',
          method: 'POST',
          path: engine.pathOf('start', target, {}),
          body: { input },
          answer: startAnswer,
        });
        const { runId, agentId, workflowId } = body;
        return { upstream: { runId, ...(agentId ? { agentId } : {}), ...(workflowId ? { workflowId } : {}) } };
      },

      async observe(target, upstream, signal) {
        const { body, raw } = await engine.observe(target, upstream, signal);
        return { status: body.status, raw };
      },

      async resume(target, upstream, resumption, key) {
        const event = agentEvent.safeParse(resumption);
        if (!event.success) throw refuse("the mapping's resume must give an object with an eventName");
        await engine.send(target, upstream, event.data, { ...actOnce, purpose: 'resume', key });
        return undefined;
      },

      async cancel(target, upstream) {
        if (target.cancelEvent === undefined) throw refuse('no cancelEvent is configured for this agent');
        await engine.send(target, upstream, target.cancelEvent, { ...endRun, purpose: 'cancel' });
      },

      session: {
        repeatable: isRepeatable,
        openingInputOf: ({ openingInput }) => openingInput,

        async send(target, upstream, { input, messageId: key }) {
          const event = agentEvent.parse({ ...target.messageEvent, eventInput: input });
          const output = await engine.send(target, upstream, event, { ...actOnce, purpose: 'message', key });
          const status = 'completed';
          return { status, raw: { ...upstream, agentName: target.agent ?? '', status, output } };
        },

        async end(target, upstream) {
          await engine.send(target, upstream, target.endEvent, { ...endRun, purpose: 'end-session' });
        },
      },
    };
  },
});

/** `key` is ours for a call that must not be carried out twice; it is sent where the settings name a header for it. */
type EngineCall<T> = Omit<HttpCall<T>, 'headers' | 'errorMessage'> & { readonly key?: string };

function reachEngine({ token, paths: corrections, idempotencyHeader }: Settings, http: HttpClient) {
  const paths: Paths = { ...defaultPaths, ...corrections };
  const headers: Readonly<Record<string, string>> = token ? { authorization: `Bearer ${token}` } : {};

  function call<T>({ key, ...rest }: EngineCall<T>) {
    const keyed = idempotencyHeader === undefined || key === undefined ? {} : { [idempotencyHeader]: key };
    return http.call<T>({ ...rest, headers: { ...headers, ...keyed }, errorMessage: findErrorMessage });
  }

  /** A moved path may ask for an id that the engine did not give; the run's own id is the nearest there is. */
  function pathOf(step: 'start' | 'get', target: Target, upstream: Partial<UpstreamRef>): string {
    const { runId } = upstream;
    if (target.agent !== undefined) {
      const { agentId = runId } = upstream;
      return fillPath(step === 'start' ? paths.startAgent : paths.getAgent, {
        agentName: target.agent,
        agentId,
        runId,
      });
    }
    const { workflowId = runId } = upstream;
    const parts = { workflowName: target.workflow, workflowId, runId };
    return fillPath(step === 'start' ? paths.startWorkflow : paths.getWorkflow, parts);
  }

  async function observe(target: Target, upstream: UpstreamRef, signal?: AbortSignal) {
    const path = pathOf('get', target, upstream);
    const answer = await call({
      ...observeRun,
      purpose: 'observe',
      method: 'GET',
      path,
      answer: runAnswer,
      statusOf,
      signal,
    });
    refuseOther(upstream.runId, answer.body.runId);
    return answer;
  }

  /**
   * An event is addressed by agentId and runId. Where the start did not answer the agentId, the run is asked for it;
   * where the run does not know it either, the runId stands in, which is what the documented answer leaves a client.
   */
  async function findAgentId(target: Target, upstream: UpstreamRef): Promise<string> {
    if (upstream.agentId !== undefined) return upstream.agentId;
    try {
      return (await observe(target, upstream)).body.agentId ?? upstream.runId;
    } catch (error) {
      // A fault of this question is one of nothing sent, so "retry" stands; "gone" is left to the event to find out.
      if (error instanceof UpstreamFault && error.consequence === 'gone') return upstream.runId;
      throw error;
    }
  }

  async function send(
    target: Target,
    upstream: UpstreamRef,
    { eventName, eventInput }: AgentEvent,
    rule: CallRule & { readonly purpose: string; readonly key?: string },
  ): Promise<Json> {
    if (target.agent === undefined) throw refuse('a workflow takes no events');
    const agentId = await findAgentId(target, upstream);
    const path = fillPath(paths.sendEvent, { agentName: target.agent, agentId, runId: upstream.runId });
    const body: Json = eventInput === undefined ? { eventName } : { eventName, eventInput };
    return (await call({ ...rule, method: 'PUT', path, body, answer: eventAnswer })).raw ?? {};
  }

  return { call, pathOf, observe, send };
}

const statusOf = ({ status }: { readonly status: string }): string => status;

/** Nothing was sent, and nothing would be different the next time. */
function refuse(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'rejected', kind: 'malformed', message });
}
