import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { bearerOf, type StandIn } from './stand-in.ts';
import { isoTime, outputOf, type Push, reasonOf, type Show, wordOf } from './vendor-runs.ts';

const words = { queued: 'READY', running: 'RUNNING', completed: 'SUCCEEDED', failed: 'FAILED', canceled: 'ABORTED' };

const resourceOf = ((run, view): JsonObject => ({
  id: run.runId,
  actId: run.labels.actor ?? null,
  status: wordOf(words, view),
  statusMessage: reasonOf(view),
  startedAt: isoTime(run.startedAtMs),
  defaultDatasetId: `dataset-${run.runId}`,
  defaultKeyValueStoreId: `store-${run.runId}`,
})) satisfies Show;

const showRun: Show = (run, view) => ({ data: resourceOf(run, view) });

/** What an Actor writes into its dataset: the items of its output, or its output as the only item. */
function itemsOf(output: Json): Json {
  const items = isJsonObject(output) ? output.items : output;
  return Array.isArray(items) ? items : [output];
}

/** Of several webhooks the first: the vendor file names one. */
function readPush(encoded: string | null): Push | undefined {
  if (encoded === null) return undefined;
  const [first] = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as readonly {
    readonly eventTypes: readonly string[];
    readonly requestUrl: string;
  }[];
  if (first === undefined) return undefined;
  return {
    url: first.requestUrl,
    encode: (run, view) => {
      const eventType = `ACTOR.RUN.${wordOf(words, view)}`;
      const eventData = { actorId: run.labels.actor ?? null, actorRunId: run.runId };
      return first.eventTypes.includes(eventType) ? { eventType, eventData, resource: resourceOf(run, view) } : null;
    },
  };
}

/** Apify's Actors. The name of an Actor after its owner is a script. */
export const apify: StandIn = {
  vendor: 'apify',
  keyOf: bearerOf,
  encodeError: (status, message) => ({ error: { type: errorTypes[status] ?? 'invalid-input', message } }),
  newId: 'nanoId',
  routes: (runs) => {
    const find = ({ id = '' }: Readonly<Record<string, string>>) => runs.find(id.replace(/^(dataset|store)-/, ''));
    return {
      'POST /v2/actors/{actor}/runs': [
        'start',
        ({ parts: { actor = '' }, query, body = {} }) => {
          const agent = actor.split('~').at(-1) ?? '';
          const push = readPush(query.get('webhooks'));
          return runs.start({ agent, input: body, labels: { actor }, push }, showRun, 201);
        },
      ],
      'GET /v2/actor-runs/{id}': ['observe', ({ parts }) => runs.observe(find(parts), showRun)],
      'GET /v2/datasets/{id}/items': [
        'other',
        ({ parts }) => runs.show(find(parts), (_, view) => itemsOf(outputOf(view))),
      ],
      'GET /v2/key-value-stores/{id}/records/OUTPUT': [
        'other',
        ({ parts }) => runs.show(find(parts), (_, view) => outputOf(view)),
      ],
      'POST /v2/actor-runs/{id}/abort': [
        'event',
        ({ parts }) => runs.cancel(find(parts), showRun, () => runs.refuse(400, 'the run has ended')),
      ],
    };
  },
};

const errorTypes: Readonly<Record<number, string>> = {
  400: 'run-already-finished',
  401: 'user-or-token-not-found',
  404: 'record-not-found',
  429: 'rate-limit-exceeded',
};
