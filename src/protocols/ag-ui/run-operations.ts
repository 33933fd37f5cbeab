import type { Api } from '../../contract/api/api.ts';
import type { Answer, Operation } from '../../contract/api/protocol.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { EventBatches, SentEvent } from '../../contract/domain/event.ts';
import { answersOf, eventStream, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { expandEvents } from '../shared/expand-events.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { encodeCapabilities } from './encode.ts';
import { type ReaderPosition, readPosition } from './reader-position.ts';
import { messagePrefix, type Turn, TurnEvents } from './run-events.ts';
import { askedOf } from './said.ts';
import { answers, type Requests, type RunInput } from './schemas.ts';
import { answerTurn, beginTurn, type FoundTurn, TurnRefusal } from './turns.ts';

export function createRunOperations(requests: Requests): readonly Operation[] {
  const error = answers.RunError;
  return [
    operation({
      id: 'run_agent',
      method: 'POST',
      path: '/:agent_id',
      summary: 'Run an agent, or answer its interrupt',
      description:
        'Begins a run for the last message of the user, or answers the interrupt that `resume` names, and streams what follows. A request that is sent again with the same `threadId` and `runId` joins the run that the first one began. A reader that was cut off sends the id of the last event as `Last-Event-ID` and misses nothing. When the client leaves early the run is cancelled, unless `on_disconnect` is `continue`.',
      params: requests.agent,
      query: requests.query,
      body: requests.run,
      answers: answersOf(error, eventStream(answers.Event), [404, 409, 422]),
      handle: async (api, request) => {
        const { params, query, body, tenant } = request;
        const agent = api.agents.get(params.agent_id);
        const from = readPosition(request.header('last-event-id'));
        const leaving = askedOf(body).on_disconnect ?? query.on_disconnect ?? 'cancel';
        try {
          const resume = body.resume ?? [];
          const found = await (resume.length === 0
            ? beginTurn(api, { tenant, agent, body })
            : answerTurn(api, { tenant, agent, body }, resume));
          return await streamTurn(api, turnOf(agent, body, found), { found, from, leaving });
        } catch (error) {
          const refusal = refusalOf(error);
          if (refusal === null) throw error;
          return { kind: 'events', events: once(encodeRefusal(refusal)) };
        }
      },
    }),
    operation({
      id: 'get_agent_capabilities',
      method: 'GET',
      path: '/:agent_id/capabilities',
      summary: 'Get the capabilities of an agent',
      description: 'Returns `AgentCapabilities` of the protocol, with the schemas of the agent under `custom.rungate`.',
      params: requests.agent,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(answers.AgentCapabilities), [404, 422]),
      handle: async (api, { params }) => jsonAnswer(encodeCapabilities(api.agents.get(params.agent_id))),
    }),
  ];
}

function turnOf(agent: Agent, body: RunInput, { run, afterSeq, replayed }: FoundTurn): Turn {
  const prefix = messagePrefix({ run, afterSeq });
  const own = body.messages.filter(({ id, role }) => role === 'assistant' && id.startsWith(prefix));
  return {
    run,
    agent,
    threadId: body.threadId,
    runId: body.runId,
    parentRunId: body.parentRunId ?? undefined,
    afterSeq,
    replayed,
    known: new Map(own.map(({ id, content }) => [id, typeof content === 'string' ? content : ''])),
  };
}

type Reading = {
  readonly found: FoundTurn;
  readonly from: ReaderPosition | null;
  readonly leaving: 'cancel' | 'continue';
};

async function streamTurn(api: Api, turn: Turn, { found, from, leaving }: Reading): Promise<Answer> {
  const { run, replayed } = found;
  const reader = new TurnEvents(turn, from);
  const events = expandEvents(await api.runs.watch(keyOf(run), reader.afterSeq), {
    before: reader.before,
    expand: (event) => reader.expand(event),
    endsAfter: TurnEvents.endsAfter,
  });
  const answer = { kind: 'events', events, runId: run.runId, replayed, waiting: run.waiting } as const;
  if (leaving === 'continue') return answer;
  const onLeft = async () => {
    await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
  };
  return { ...answer, onLeft };
}

/** The protocol wants as an event what an agent or a thread refuses; null: it is an error of HTTP. */
function refusalOf(error: unknown): TurnRefusal | null {
  if (error instanceof TurnRefusal) return error;
  return error instanceof GatewayError && error.http === 422 ? new TurnRefusal(error.code, error.message) : null;
}

function encodeRefusal({ message, code, interrupts }: TurnRefusal): SentEvent {
  const data = { type: 'RUN_ERROR', message, code };
  return { data: interrupts.length === 0 ? data : { ...data, metadata: { rungate: { interrupts } } } };
}

/** A stream of one event. */
function once(event: SentEvent): EventBatches<SentEvent> {
  const batches = (async function* (): AsyncGenerator<readonly SentEvent[], undefined, undefined> {
    yield [event];
  })();
  return {
    next: () => batches.next(),
    return: async () => {
      await batches.return(undefined);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
