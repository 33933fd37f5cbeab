import type { Api } from '../../contract/api/api.ts';
import type { CreatedRun } from '../../contract/api/runs.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { ThreadKey } from '../../contract/domain/thread.ts';
import { interruptId, readInterruptId } from '../shared/interrupt-ids.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { encodeInterrupt } from './encode.ts';
import { askedOf, lastSaid, newMessages, readInput } from './said.ts';
import type { ResumeEntry, RunInput } from './schemas.ts';

/** What a request starts, answers or joins. */
export type FoundTurn = { readonly run: Run; readonly afterSeq: number; readonly replayed: boolean };

/** A refusal that the protocol wants as an event of the stream. */
export class TurnRefusal extends Error {
  readonly code: string;
  /** The questions that are open, for a client that has lost them. */
  readonly interrupts: readonly JsonObject[];

  constructor(code: string, message: string, interrupts: readonly JsonObject[] = []) {
    super(message);
    this.name = 'TurnRefusal';
    this.code = code;
    this.interrupts = interrupts;
  }
}

type RunPlace = NonNullable<ReturnType<typeof readInterruptId>>;

type Request = { readonly tenant: string; readonly agent: Agent; readonly body: RunInput };

/**
 * Begins the run that the request asks for, or finds the one that an earlier request with the same ids began. Rejects with
 * `TurnRefusal` where the thread waits for an answer.
 */
export async function beginTurn(api: Api, { tenant, agent, body }: Request): Promise<FoundTurn> {
  const { threadId: name, runId } = body;
  const { config, metadata, input: data } = askedOf(body);
  const said = lastSaid(body.messages);
  const request = { input: await readInput(agent, body), messages: newMessages(body), config, metadata };
  const create = (whenBusy: 'reject' | 'enqueue'): Promise<CreatedRun> =>
    api.runs.create({
      tenant,
      agent: agent.name,
      request,
      thread: { name, ifNotExists: 'create', whenBusy },
      // No client's key has a line feed.
      idempotencyKey: `ag-ui\n${name}\n${runId}`,
      // The rest of the messages grows with what the client has received.
      identity: {
        said: (said === undefined ? null : { id: said.id, content: said.content ?? null }) as Json,
        data: data ?? null,
      },
    });
  try {
    return { ...(await create('reject')), afterSeq: 0 };
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'thread_busy') throw error;
  }
  await refuseWhileAsked(api, await api.threads.keyOf(tenant, { name }));
  return { ...(await create('enqueue')), afterSeq: 0 };
}

/** A message is no answer to a question that is open. */
async function refuseWhileAsked(api: Api, key: ThreadKey): Promise<void> {
  const { activeRunId, status } = await api.threads.get(key);
  if (status !== 'interrupted' || activeRunId === null) return;
  const run = await api.runs.get({ tenant: key.tenant, runId: activeRunId });
  if (run.outcome?.kind !== 'interrupt') return;
  const asked = { seq: run.lastSeq, payload: run.outcome.payload };
  const id = interruptId({ runId: run.runId, seq: run.lastSeq });
  throw new TurnRefusal(
    'interrupt_pending',
    `the thread waits for an answer: send it as resume, with the interruptId ${id}`,
    [encodeInterrupt(api.agents.get(run.agentName), run, asked)],
  );
}

/** Answers the interrupt that the request names, or finds what followed from an answer that was taken before. */
export async function answerTurn(
  api: Api,
  { tenant, agent, body }: Request,
  entries: readonly ResumeEntry[],
): Promise<FoundTurn> {
  const [entry, ...others] = entries;
  const asked = entry === undefined ? null : readInterruptId(entry.interruptId);
  if (entry === undefined || asked === null || others.length > 0) throw notAsked();
  const key = await api.threads.keyOf(tenant, { name: body.threadId });
  const run = await findAsked(api, key, asked, agent);
  const { seq } = asked;
  if (entry.status === 'resolved') {
    try {
      const resumed = await api.runs.resume(keyOf(run), entry.payload ?? null, { questionSeq: seq });
      return { run: resumed.run, afterSeq: seq, replayed: resumed.replayed };
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (error.code === 'question_answered') throw answeredOtherwise();
      if (error.code !== 'run_not_interrupted') throw error;
    }
  } else if (run.status === 'interrupted' && run.lastSeq === seq) {
    const ended = await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    return { run: ended, afterSeq: seq, replayed: false };
  }
  const now = await api.runs.get(keyOf(run));
  const change = (await eventAfter(api, now, seq))?.change;
  // The run ended with its question, which its stream says.
  if (change === undefined || change.kind !== 'phase') return { run: now, afterSeq: seq, replayed: true };
  throw change.phase === 'resuming' ? answeredOtherwise() : notAsked();
}

/** The event that follows the one with the number `seq`, of those that the run had when it was read; null: there was none. */
async function eventAfter(api: Api, run: Run, seq: number): Promise<RunEvent | null> {
  if (run.lastSeq <= seq) return null;
  const events = await api.runs.watch(keyOf(run), seq);
  try {
    const batch = await events.next();
    return batch.done === true ? null : (batch.value[0] ?? null);
  } finally {
    await events.return();
  }
}

/** The run of the thread and the agent that has asked. */
async function findAsked(api: Api, { tenant, threadId }: ThreadKey, asked: RunPlace, agent: Agent): Promise<Run> {
  let run: Run;
  try {
    run = await api.runs.get({ tenant, runId: asked.runId });
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'run_not_found') throw notAsked();
    throw error;
  }
  const isIts = run.threadId === threadId && run.agentId === agent.agentId && run.lastSeq >= asked.seq;
  if (!isIts) throw notAsked();
  return run;
}

/** Who gave another answer must not take what followed for an effect of it. */
function answeredOtherwise(): TurnRefusal {
  return new TurnRefusal(
    'question_answered',
    'the interrupt was answered before, with something else: the first answer counts, and the same answer again streams what followed from it',
  );
}

function notAsked(): TurnRefusal {
  return new TurnRefusal('thread_not_interrupted', 'the thread does not wait for this answer');
}
