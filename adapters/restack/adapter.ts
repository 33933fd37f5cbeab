import { actOnce, endRun } from '../call-rules.ts';
import { defineAdapter } from '../define-adapter.ts';
import { reachEngine, refuse } from './engine.ts';
import { acknowledged, isMessage, nameMessage, sessionOf, sinceMessage } from './messages.ts';
import { connectOverTemporal } from './over-temporal.ts';
import { runConfig, settings, target } from './settings.ts';
import { agentEvent, isAcknowledgement, startAnswer } from './wire.ts';

/** Restack's engine: agents, which take events, and workflows. */
export const restack = defineAdapter({
  name: 'restack',
  capabilities: { resume: true, cancel: true, push: false, session: true, adopt: 'start', attend: true },
  settings,
  target,
  runConfig,
  capabilitiesOf: ({ agent, cancelEvent, mode, state, stopBy }) => ({
    resume: agent !== undefined,
    cancel: cancelEvent !== undefined || stopBy !== undefined,
    session: mode === 'thread',
    // What a session shows, or asks, is no end, which alone can be held. The HTTP API holds nothing.
    attend: mode === 'run' && state === undefined,
  }),
  native: { names: ['agent', 'workflow'] },
  secretsOf: ({ token, sensitiveKey, tls }) =>
    [token ?? '', sensitiveKey ?? '', tls?.key ?? ''].filter((each) => each !== ''),
  connectionOptionsOf: ({ tls, transport }) => ({ tls, isMultiplexed: transport === 'temporal' }),

  connect(settings, http) {
    if (settings.transport === 'temporal') return connectOverTemporal(settings, http);
    const engine = reachEngine(settings, http);
    const isRepeatable = settings.idempotencyHeader !== undefined;
    return {
      ...(isRepeatable ? { adoption: {}, resumesOnce: true } : {}),

      async start({ target, input, runId: key }) {
        const { body } = await engine.call({
          ...actOnce,
          key,
          purpose: 'start',
          method: 'POST',
          path: engine.startPath(target),
          body: { input },
          answer: startAnswer,
        });
        const { runId, agentId, workflowId } = body;
        return { upstream: { runId, ...(agentId ? { agentId } : {}), ...(workflowId ? { workflowId } : {}) } };
      },

      async observe(target, upstream, signal) {
        const { status, raw } = await engine.observe(target, sessionOf(upstream), signal);
        return { status, raw: sinceMessage(upstream, raw) };
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
        // Sent again, a message would be compared with what the agent shows since the first time.
        repeatable: ({ eventAnswers }) => isRepeatable && eventAnswers === 'result',
        isMessage,
        openingInputOf: ({ openingInput }) => openingInput,

        async send(target, upstream, { input, messageId: key }) {
          const event = agentEvent.parse({ ...target.messageEvent, eventInput: input });
          const isAccepted = target.eventAnswers === 'accepted';
          const before = isAccepted ? await engine.find(target, upstream) : null;
          const output = await engine.send(target, upstream, event, { ...actOnce, purpose: 'message', key });
          if (isAcknowledgement(output)) {
            if (!isAccepted) throw acknowledged();
            return { accepted: nameMessage(upstream, key, before) };
          }
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
