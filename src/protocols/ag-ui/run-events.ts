import { toDelta, toPartialReply, toReply } from '../../agents/chat.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { RunEvent, SentEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { measureJson } from '../../json/measure-json.ts';
import { encodePhase } from '../shared/phase-update.ts';
import { encodeInterrupt } from './encode.ts';
import {
  continueText,
  encodePosition,
  findSent,
  maxSteps,
  nothingSent,
  type ReaderPosition,
  type SentText,
} from './reader-position.ts';

/** The version of the protocol that is spoken. */
const protocolVersion = '1.0';

/** Clients send the state that they have with each request: a larger one would come back each time. */
const stateBounds = { maxNodes: 20_000, maxChars: 131_072 };

/** The steps of one event of a run, in the order in which they are sent. */
const steps = { phase: 1, closeOld: 1, open: 2, content: 3, close: 4, state: 5, end: 6 } as const;

/** A run of the protocol: a run of ours, or the part of it that follows the answer to one of its interrupts. */
export type Turn = {
  readonly run: Run;
  readonly agent: Agent;
  /** What the client calls its thread and this part of the run. */
  readonly threadId: string;
  readonly runId: string;
  readonly parentRunId?: string | undefined;
  /** The number of the interrupt that this part follows; 0: it is the first. */
  readonly afterSeq: number;
  /** An earlier request began it, or gave the answer that it follows. */
  readonly replayed: boolean;
  /** The texts of messages that the client has already, by their ids. */
  readonly known: ReadonlyMap<string, string>;
};

/** The protocol's events of one part of a run, for one reader. */
export class TurnEvents {
  readonly #turn: Turn;
  readonly #from: ReaderPosition | null;
  #message: number;
  /** The text of the message under way; null: none is. */
  #text: string | null = null;
  #sent: SentText = nothingSent;
  /** Known by its mark alone until the next text comes. */
  #unread: SentText | null;

  /** @param from where a reader goes on that was cut off; null: from the beginning. */
  constructor(turn: Turn, from: ReaderPosition | null) {
    this.#turn = turn;
    this.#from = from !== null && from.seq >= turn.afterSeq ? from : null;
    this.#message = this.#from?.message ?? 0;
    this.#unread = this.#from?.sent ?? null;
    if (this.#unread !== null) this.#sent = this.#unread;
  }

  /** The event of the run after which this reader's events begin. */
  get afterSeq(): number {
    const { afterSeq } = this.#turn;
    return this.#from === null ? afterSeq : Math.max(afterSeq, this.#from.seq - 1);
  }

  /** What comes before the first event of the run: nothing for a reader that goes on. */
  get before(): readonly SentEvent[] {
    if (this.#from !== null) return [];
    const { run, threadId, runId, parentRunId, afterSeq, replayed } = this.#turn;
    const ids = { run_id: run.runId, thread_id: run.threadId, agent_id: run.agentId, replayed };
    const started = {
      type: 'RUN_STARTED',
      threadId,
      runId,
      protocolVersion,
      ...(parentRunId === undefined ? {} : { parentRunId }),
      metadata: { rungate: ids },
    };
    return [{ id: encodePosition({ seq: afterSeq, step: maxSteps, message: 0, sent: null }), data: started }];
  }

  /** An answer of the agent, or a question, ends what the protocol calls a run. */
  static endsAfter({ change }: RunEvent): boolean {
    return change.kind === 'interrupt';
  }

  async expand(event: RunEvent): Promise<readonly SentEvent[]> {
    const sending: SentEvent[] = [];
    const seen = this.#from?.seq === event.seq ? this.#from.step : 0;
    const send = (step: number, data: JsonObject): void => {
      if (step <= seen) return;
      const { seq, atMs } = event;
      const isUnderWay = this.#text !== null || this.#unread !== null;
      const position = { seq, step, message: this.#message, sent: isUnderWay ? this.#sent : null };
      sending.push({ id: encodePosition(position), data: { ...data, timestamp: atMs } });
    };
    await this.#expand(event, { send, seen });
    return sending;
  }

  async #expand(
    { seq, change }: RunEvent,
    { send, seen }: { readonly send: Send; readonly seen: number },
  ): Promise<void> {
    const { agent, run, threadId, runId } = this.#turn;
    const finished = { type: 'RUN_FINISHED', threadId, runId };
    switch (change.kind) {
      case 'phase':
        return send(steps.phase, { type: 'CUSTOM', name: 'phase', value: encodePhase(change) });
      case 'replaced':
        return;
      case 'partial': {
        const text = await toPartialReply(agent, change.value);
        if (text !== null) this.#say(text, send);
        return sendState(change.value, send);
      }
      case 'interrupt': {
        this.#close(steps.close, send);
        const interrupts = [encodeInterrupt(agent, run, { seq, payload: change.payload })];
        return send(steps.end, { ...finished, outcome: { type: 'interrupt', interrupts } });
      }
      case 'result': {
        // A reader that has the end of the last message has all of it.
        if (seen < steps.close) this.#say(await toReply(agent, change.value), send);
        this.#close(steps.close, send);
        sendState(change.value, send);
        return send(steps.end, { ...finished, result: change.value, outcome: { type: 'success' } });
      }
      case 'error': {
        this.#close(steps.close, send);
        const { errcode, description } = change;
        if (errcode === errcodes.cancelled) return send(steps.end, { ...finished, outcome: { type: 'cancelled' } });
        return send(steps.end, { type: 'RUN_ERROR', message: description, code: `${errcode}` });
      }
      default:
        return assertNever(change);
    }
  }

  /** Sends what the reader lacks of the text; a text that does not go on from the one before begins a new message. */
  #say(text: string, send: Send): void {
    if (this.#unread !== null) {
      this.#text = findSent(text, this.#unread);
      if (this.#text === null) this.#end(steps.closeOld, send);
      this.#unread = null;
    }
    const delta = toDelta(this.#text ?? '', text);
    if (delta.kind === 'same') return;
    if (delta.kind === 'anew') this.#close(steps.closeOld, send);
    if (text === '') return;
    const has = this.#text ?? this.#open(text, send);
    this.#append(text, text.slice(has.length), send);
  }

  /** Opens a message, and gives what the client has of its text from an earlier request. */
  #open(text: string, send: Send): string {
    const { known } = this.#turn;
    let has = known.get(this.#messageId());
    while (has !== undefined && !text.startsWith(has)) {
      this.#message += 1;
      has = known.get(this.#messageId());
    }
    this.#text = has ?? '';
    this.#sent = continueText(nothingSent, this.#text);
    send(steps.open, { type: 'TEXT_MESSAGE_START', messageId: this.#messageId(), role: 'assistant' });
    return this.#text;
  }

  #append(text: string, delta: string, send: Send): void {
    if (delta === '') return;
    this.#text = text;
    this.#sent = continueText(this.#sent, delta);
    send(steps.content, { type: 'TEXT_MESSAGE_CONTENT', messageId: this.#messageId(), delta });
  }

  #close(step: number, send: Send): void {
    if (this.#text !== null || this.#unread !== null) this.#end(step, send);
  }

  #end(step: number, send: Send): void {
    const messageId = this.#messageId();
    this.#text = null;
    this.#unread = null;
    this.#sent = nothingSent;
    this.#message += 1;
    send(step, { type: 'TEXT_MESSAGE_END', messageId });
  }

  /** The same for every reader, so that a client that was cut off finds its message again. */
  #messageId(): string {
    return `${messagePrefix(this.#turn)}${this.#message}`;
  }
}

type Send = (step: number, data: JsonObject) => void;

/** How the ids of the messages of one part of a run begin. */
export function messagePrefix({ run, afterSeq }: Pick<Turn, 'run' | 'afterSeq'>): string {
  return `${run.runId}.${afterSeq}.`;
}

function sendState(value: Json, send: Send): void {
  if (isJsonObject(value) && measureJson(value, stateBounds) !== null)
    send(steps.state, { type: 'STATE_SNAPSHOT', snapshot: value });
}
