import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { bearerOf, type StandIn } from './stand-in.ts';
import { outputOf, reasonOf, type Show, textOf, wordOf } from './vendor-runs.ts';

const words = {
  queued: 'queued',
  running: 'in_progress',
  completed: 'completed',
  failed: 'failed',
  canceled: 'cancelled',
};

const showResponse = ((run, view): JsonObject => ({
  id: run.runId,
  object: 'response',
  created_at: Math.floor(run.startedAtMs / 1000),
  model: run.labels.model ?? null,
  background: true,
  status: wordOf(words, view),
  error: view.kind === 'failed' ? { code: view.failure.code ?? 'server_error', message: reasonOf(view) } : null,
  incomplete_details: null,
  output: view.kind === 'completed' ? [messageOf(run.runId, textOf(outputOf(view)))] : [],
  usage: view.kind === 'completed' ? { input_tokens: 4, output_tokens: 5, total_tokens: 9 } : null,
})) satisfies Show;

function messageOf(runId: string, text: string): JsonObject {
  const content = [{ type: 'output_text', text, annotations: [] }];
  return { id: `msg_${runId}`, type: 'message', role: 'assistant', status: 'completed', content };
}

/** What a model's script reads: an object that was sent as text, or the words of the last message. */
function readInput(input: Json): Json {
  const message = Array.isArray(input) ? contentOf(input.at(-1)) : input;
  if (typeof message !== 'string') return { message };
  try {
    const parsed: Json = JSON.parse(message);
    return isJsonObject(parsed) ? parsed : { message };
  } catch {
    return { message };
  }
}

function contentOf(item: Json | undefined): Json {
  const content = isJsonObject(item) ? item.content : item;
  return content ?? '';
}

/** OpenAI's Responses in the background. A model is a script. */
export const openaiResponses: StandIn = {
  vendor: 'openai-responses',
  keyOf: bearerOf,
  encodeError: (status, message) => ({
    error: { type: 'invalid_request_error', code: errorCodes[status] ?? null, message },
  }),
  newId: 'responseId',
  routes: (runs) => ({
    'POST /responses': [
      'start',
      ({ body }) => {
        if (!isJsonObject(body) || typeof body.model !== 'string') return runs.refuse(400, 'model is required');
        const { model, input = '' } = body;
        return runs.start({ agent: model, input: readInput(input), labels: { model } }, showResponse);
      },
    ],
    'GET /responses/{id}': ['observe', ({ parts }) => runs.observe(runs.find(parts.id ?? ''), showResponse)],
    'POST /responses/{id}/cancel': ['event', ({ parts }) => runs.cancel(runs.find(parts.id ?? ''), showResponse)],
  }),
};

const errorCodes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  429: 'rate_limit_exceeded',
};
