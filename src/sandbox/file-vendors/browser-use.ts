import type { JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { findScript } from '../agents.ts';
import type { StandIn } from './stand-in.ts';
import { isoTime, outputOf, reasonOf, type Show, textOf, wordOf } from './vendor-runs.ts';

const words = { queued: 'queued', running: 'running', completed: 'completed', failed: 'failed', canceled: 'cancelled' };

const showRun = ((run, view): JsonObject => ({
  id: run.runId,
  sessionId: run.labels.sessionId ?? null,
  task: run.labels.task ?? null,
  model: run.labels.model ?? null,
  status: wordOf(words, view),
  result: view.kind === 'completed' ? textOf(outputOf(view)) : null,
  error: reasonOf(view),
  totalCostUsd: view.kind === 'completed' ? '0.02' : '0',
  createdAt: isoTime(run.startedAtMs),
})) satisfies Show;

/** Runs of Browser Use. A model is a script where one has its name; any other browses. */
export const browserUse: StandIn = {
  vendor: 'browser-use',
  keyOf: (headers) => String(headers['x-browser-use-api-key']),
  encodeError: (_status, detail) => ({ detail }),
  newId: 'uuid',
  routes: (runs) => ({
    'POST /runs': [
      'start',
      ({ body }) => {
        if (!isJsonObject(body) || typeof body.task !== 'string') return runs.refuse(422, 'task: Field required');
        const { task, model = 'browser-use-2.0' } = body;
        const agent = typeof model === 'string' && findScript('api', model) !== null ? model : 'browse';
        return runs.start({ agent, input: body, labels: { task, model, sessionId: runs.newId() } }, showRun, 201);
      },
    ],
    'GET /runs/{id}': ['other', ({ parts }) => runs.show(runs.find(parts.id ?? ''), showRun)],
    'GET /runs/{id}/status': [
      'observe',
      ({ parts }) => runs.observe(runs.find(parts.id ?? ''), (_, view) => ({ status: wordOf(words, view) })),
    ],
    'POST /runs/{id}/cancel': ['event', ({ parts }) => runs.cancel(runs.find(parts.id ?? ''), showRun)],
  }),
};
