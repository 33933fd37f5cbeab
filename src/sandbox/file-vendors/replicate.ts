import type { JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { bearerOf, type StandIn } from './stand-in.ts';
import { isoTime, outputOf, reasonOf, type Show, wordOf } from './vendor-runs.ts';

const words = {
  queued: 'starting',
  running: 'processing',
  completed: 'succeeded',
  failed: 'failed',
  canceled: 'canceled',
};

const showPrediction = ((run, view): JsonObject => ({
  id: run.runId,
  version: run.labels.version ?? null,
  input: run.input,
  output: outputOf(view),
  error: reasonOf(view),
  logs: '',
  status: wordOf(words, view),
  created_at: isoTime(run.startedAtMs),
  urls: {},
})) satisfies Show;

/** The name of a model in `owner/name:version`, or the version alone. */
function modelOf(version: string): string {
  return /^(?:[^/]+\/)?([^:]+)/.exec(version)?.[1] ?? version;
}

/** Predictions of Replicate. A model is a script. */
export const replicate: StandIn = {
  vendor: 'replicate',
  keyOf: bearerOf,
  encodeError: (status, detail) => ({ title: 'The request was refused', detail, status }),
  newId: 'nanoId',
  routes: (runs) => ({
    'POST /predictions': [
      'start',
      ({ body }) => {
        if (!isJsonObject(body) || typeof body.version !== 'string') return runs.refuse(422, 'version is required');
        const { version, webhook, input = {} } = body;
        const push = typeof webhook === 'string' ? { url: webhook, encode: showPrediction } : undefined;
        return runs.start({ agent: modelOf(version), input, labels: { version }, push }, showPrediction, 201);
      },
    ],
    'GET /predictions/{id}': ['observe', ({ parts }) => runs.observe(runs.find(parts.id ?? ''), showPrediction)],
    'POST /predictions/{id}/cancel': ['event', ({ parts }) => runs.cancel(runs.find(parts.id ?? ''), showPrediction)],
  }),
};
