import type { Api } from '../../contract/api/api.ts';
import type { Answer, Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run } from '../../contract/domain/run.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { expandEvents } from '../shared/expand-events.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { awaitEnd, keyOf } from '../shared/wait-and-stream.ts';
import { answers } from './answers.ts';
import { type CreateRequest, decodeCreation, refusalOfAnswer } from './create-response.ts';
import { encodeSegment, extraOf, replierOf } from './encode.ts';
import { callIdsOf, type ResponseKey, readResponseId, responseIdOf } from './ids.ts';
import { pageOf } from './pages.ts';
import { ReplyStream } from './reply-stream.ts';
import { inputItemsOf } from './run-items.ts';
import { type Requests, responseParams } from './schemas.ts';
import { findSegment, type Segment, segmentOf } from './segment.ts';
import { type Position, readSequenceNumber } from './sequence.ts';

const { ErrorResponse: error, Response: response, ResponseStreamEvent: event } = answers;
/** The request says which of the two it is. */
const either = {
  200: { description: 'The response, or with `stream` its server-sent events', schema: response, events: event },
};

type Begun = { readonly run: Run; readonly key: ResponseKey; readonly replayed: boolean };

/** Responses are runs, or parts of them between questions. */
export function createResponseOperations(requests: Requests): readonly Operation[] {
  return [
    operation({
      id: 'create_response',
      method: 'POST',
      path: '/responses',
      summary: 'Create a response',
      description:
        'Makes a run, or answers the question of one. With `background: true` it is answered at once, with `stream: true` with events, else when the run is over or asks. A client that disconnects before that cancels the run, unless it is in the background or has an `Idempotency-Key`.',
      params: nothing,
      query: nothing,
      body: requests.create,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, either, [400, 404, 409]),
      countsAsStream: true,
      handle: async (api, request) => {
        const { background, stream } = request.body;
        const { run, key, replayed } = await begin(api, request);
        // A run that an earlier request made may have asked, and been answered, since then.
        const segmentAt = async (now: Run): Promise<Segment> =>
          replayed ? await segmentOf(api, now, key.fromSeq) : { key, run: now, answered: null };
        // A client that comes again with the same key wants the run of the first time.
        const outlivesClient = background === true || request.idempotencyKey !== undefined;
        const cancel = async () => {
          await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
        };
        if (stream === true) {
          const answer = await follow(api, await segmentAt(run), null);
          return { ...answer, replayed, ...(outlivesClient ? {} : { onLeft: cancel }) };
        }
        if (background === true) return await answerWith(api, await segmentAt(run), replayed);
        const ended = await awaitEnd(api, keyOf(run), request);
        if (ended.status === 'pending' && !outlivesClient && request.clientLeft()) await cancel();
        return await answerWith(api, await segmentAt(ended), replayed);
      },
    }),
    operation({
      id: 'get_response',
      method: 'GET',
      path: '/responses/:response_id',
      summary: 'Get a response',
      description:
        'Returns the response as it is now; with `stream=true` its events, from the first or after the `sequence_number` in `starting_after`, whichever replica is asked.',
      params: responseParams,
      query: requests.retrieve,
      body: noBody,
      answers: answersOf(error, either, [400, 404]),
      countsAsStream: true,
      handle: async (api, { params, query, tenant }) => {
        const key = { ...readResponseId(params.response_id), tenant };
        if (query.stream !== 'true') return await answerWith(api, await findSegment(api, key, 'poll'));
        const segment = await findSegment(api, key);
        return await follow(api, segment, readPosition(query.starting_after, segment));
      },
    }),
    operation({
      id: 'delete_response',
      method: 'DELETE',
      path: '/responses/:response_id',
      summary: 'Delete a response',
      description: 'Removes the run of the response, with all responses of it. One that is live is cancelled first.',
      params: responseParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(answers.ResponseDeleted), [400, 404]),
      handle: async (api, { params, tenant }) => {
        const { key } = await findSegment(api, { ...readResponseId(params.response_id), tenant });
        await api.runs.delete({ tenant, runId: key.runId });
        return jsonAnswer({ id: responseIdOf(key), object: 'response', deleted: true });
      },
    }),
    operation({
      id: 'cancel_response',
      method: 'POST',
      path: '/responses/:response_id/cancel',
      summary: 'Cancel a response',
      description:
        'Ends the run of a response in the background; one that is over stays as it is. Others end when their client disconnects.',
      params: responseParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(response), [400, 404]),
      handle: async (api, { params, tenant }) => {
        const found = await findSegment(api, { ...readResponseId(params.response_id), tenant });
        if (found.run.request.origin?.protocol === 'openai' && extraOf(found.run).background !== true) {
          throw new GatewayError('unfit_request', {
            path: 'response_id',
            detail: 'is not in the background: to cancel it, close the connection that waits for it',
          });
        }
        if (found.answered !== null) return await answerWith(api, found);
        const run = await api.runs.cancel(keyOf(found.run), { action: 'interrupt', wait: false });
        return await answerWith(api, { ...found, run });
      },
    }),
    operation({
      id: 'list_input_items',
      method: 'GET',
      path: '/responses/:response_id/input_items',
      summary: 'List the input items of a response',
      description: 'Lists the messages that made the run, or the output that answered its question, newest first.',
      params: responseParams,
      query: requests.items,
      body: noBody,
      answers: answersOf(error, success(answers.InputItemList), [400, 404]),
      handle: async (api, { params, query, tenant }) => {
        const { run, key } = await findSegment(api, { ...readResponseId(params.response_id), tenant });
        const items = await inputItemsOf(api, run, key.fromSeq);
        return jsonAnswer(await pageOf(query.order === 'asc' ? items : items.toReversed(), query));
      },
    }),
  ];
}

async function begin(api: Api, request: CreateRequest): Promise<Begun> {
  const creation = await decodeCreation(api, request);
  if (creation.kind === 'run') {
    const { run, replayed } = await api.runs.create(creation.command);
    return { run, replayed, key: { runId: run.runId, fromSeq: 0 } };
  }
  const { run, seq, payload } = creation;
  try {
    const { idempotencyKey: mark } = request;
    const { run: resumed, replayed } = await api.runs.resume(keyOf(run), payload, { mark, questionSeq: seq });
    return { run: resumed, replayed, key: { runId: run.runId, fromSeq: seq } };
  } catch (error) {
    throw error instanceof GatewayError ? refusalOfAnswer(error, callIdsOf(run.runId, seq).call_id) : error;
  }
}

async function answerWith(api: Api, segment: Segment, replayed = false): Promise<Answer> {
  const { run } = segment;
  const body = await encodeSegment(api, segment);
  return { kind: 'json', status: 200, body, replayed, waiting: run.waiting, headers: locationOf(segment) };
}

async function follow(
  api: Api,
  segment: Segment,
  after: Position | null,
): Promise<Extract<Answer, { kind: 'events' }>> {
  const { run, key } = segment;
  const stream = new ReplyStream({ segment, replier: replierOf(api, run), after });
  // The event that the reader's last number names comes once more: it may have become more than the reader has.
  const from = Math.max(key.fromSeq, (after?.seq ?? 0) - 1);
  const events = expandEvents(await api.runs.watch(keyOf(run), from), {
    expand: (each) => stream.expand(each),
    endsAfter: (each) => stream.endsAfter(each),
  });
  return { kind: 'events', events, waiting: run.waiting, headers: locationOf(segment) };
}

function locationOf({ key }: Segment): Readonly<Record<string, string>> {
  return { 'Content-Location': `/v1/responses/${responseIdOf(key)}` };
}

/** Throws `unfit_request` for a number that no event of the response has had yet: its reader would wait for ever. */
function readPosition(startingAfter: number | undefined, { run, key, answered }: Segment): Position | null {
  // Numbers begin far above: it means the beginning, as with OpenAI, where the first event has it.
  if (startingAfter === undefined || startingAfter === 0) return null;
  const position = readSequenceNumber(startingAfter);
  const lastSeq = answered?.seq ?? run.lastSeq;
  if (position !== null && position.seq > key.fromSeq && position.seq <= lastSeq) return position;
  throw new GatewayError('unfit_request', {
    path: 'starting_after',
    detail: 'must be the sequence_number of an event of the response',
  });
}
