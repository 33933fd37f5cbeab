import { z } from 'zod';
import { actOnce, endRun, observeRun, refuseOther } from '../../../adapters/call-rules.ts';
import { defineAdapter } from '../../../adapters/define-adapter.ts';
import { fillPath, pathPart } from '../../../adapters/path.ts';
import { isJsonObject } from '../../../src/json/json-object.ts';
import { holdMs } from './wire.ts';

/** Longer than a request of a gateway that was killed takes to arrive on one machine. */
const settleMs = 5000;

const runAnswer = z.looseObject({ runId: pathPart, status: z.string() });
const tagAnswer = z.looseObject({ runs: z.array(pathPart) });

/** Speaks the wire of {@link taggedWire}: starts are adopted by a search, and a target may have its runs attended. */
export const tagged = defineAdapter({
  name: 'tagged',
  capabilities: { resume: false, cancel: true, push: false, session: false, adopt: 'find', attend: true },
  settings: z.strictObject({}),
  target: z.strictObject({ agent: pathPart, isHeld: z.boolean().default(false) }),
  runConfig: z.looseObject({}),
  capabilitiesOf: ({ isHeld }) => ({ attend: isHeld }),
  secretsOf: () => [],

  connect(_settings, http) {
    const shared = {
      errorMessage: (body: unknown) => (isJsonObject(body) && typeof body.error === 'string' ? body.error : null),
    } as const;

    async function look(agent: string, runId: string, purpose: string, signal?: AbortSignal) {
      const isHeld = purpose === 'attend';
      const path = fillPath('/runs/{agent}/{runId}', { agent, runId: isHeld ? `held-${runId}` : runId });
      const { body, raw } = await http.call({
        ...shared,
        ...observeRun,
        ...{
          purpose,
          method: 'GET',
          path,
          answer: runAnswer,
          statusOf: ({ status }: { status: string }) => status,
          signal,
        },
        ...(isHeld ? { holdMs } : {}),
      });
      refuseOther(runId, body.runId);
      return { status: body.status, raw };
    }

    return {
      async start({ target, input, runId: tag }) {
        const path = fillPath('/runs/{agent}', { agent: target.agent });
        const call = { ...shared, ...actOnce, purpose: 'start', method: 'POST', path, answer: runAnswer } as const;
        const { body, raw } = await http.call({ ...call, body: { tag, input } });
        return { upstream: { runId: body.runId }, observation: { status: body.status, raw } };
      },

      observe: ({ agent }, { runId }, signal) => look(agent, runId, 'observe', signal),

      async attend({ agent }, { runId }, signal) {
        const seen = await look(agent, runId, 'attend', signal);
        return seen.status === 'running' ? null : seen;
      },

      async cancel({ agent }, { runId }) {
        const path = fillPath('/runs/{agent}/{runId}', { agent, runId });
        await http.call({ ...shared, ...endRun, purpose: 'cancel', method: 'DELETE', path, answer: z.unknown() });
      },

      adoption: {
        termsOf: () => ({ settleMs }),

        async find({ runId: tag }, signal) {
          const path = fillPath('/tags/{tag}', { tag });
          const call = {
            ...shared,
            ...observeRun,
            purpose: 'find',
            method: 'GET',
            path,
            answer: tagAnswer,
            signal,
          } as const;
          const [found, ...others] = (await http.call(call)).body.runs;
          if (found === undefined) return 'absent';
          return others.length > 0 ? 'unclear' : { runId: found };
        },
      },
    };
  },
});
