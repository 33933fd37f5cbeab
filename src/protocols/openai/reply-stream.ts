import { toDelta, toPartialReply, toReply } from '../../agents/chat.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { RunEvent, SentEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import {
  argumentsOf,
  encodeCall,
  encodeMessage,
  encodeResponse,
  encodeText,
  type Replier,
  type ResponseState,
  statusOf,
  statusOfError,
} from './encode.ts';
import { callIdsOf, messageIdOf } from './ids.ts';
import type { Segment } from './segment.ts';
import { kinds, type Position, secondItem, sequenceNumberOf } from './sequence.ts';

export type ReplyStreamOptions = {
  readonly segment: Segment;
  readonly replier: Replier;
  /** What the reader has; null: nothing. */
  readonly after: Position | null;
};

/** What the reader has of the reply. */
type Sent = {
  /** 1 where a draft was replaced. */
  index: number;
  isAdded: boolean;
  hasPart: boolean;
  length: number;
  /** Another text takes its place, and the reader has begun to learn that. */
  isVoid: boolean;
  /** Null: only its length is known, because the reader came back and the partial output that held it is gone. */
  text: string | null;
};

/** Makes the events of a response out of those of its run, for one reader. */
export class ReplyStream {
  readonly #segment: Segment;
  readonly #replier: Replier;
  readonly #after: number;
  readonly #sent: Sent;
  #isInProgress: boolean;

  constructor({ segment, replier, after }: ReplyStreamOptions) {
    this.#segment = segment;
    this.#replier = replier;
    this.#after = after === null ? -1 : sequenceNumberOf(after);
    this.#sent = sentUpTo(after);
    this.#isInProgress = after !== null && after.kind >= kinds.inProgress;
  }

  /** The stream ends with a question: one that was answered already, or one that waits. */
  endsAfter({ seq, change }: RunEvent): boolean {
    const { answered, run } = this.#segment;
    return change.kind === 'interrupt' && (answered === null ? seq >= run.lastSeq : seq === answered.seq);
  }

  /** To be called for each event of the segment in order, from the one that the reader's last number names. */
  async expand(event: RunEvent): Promise<readonly SentEvent[]> {
    const made = await this.#eventsOf(event);
    return made.filter(({ sequence_number: number }) => Number(number) > this.#after).map(toSent);
  }

  async #eventsOf(event: RunEvent): Promise<readonly JsonObject[]> {
    const { change, seq } = event;
    switch (change.kind) {
      case 'phase':
        return this.#lifecycle(event, change.phase === 'queued' || change.phase === 'starting');
      case 'replaced':
        return [];
      case 'partial': {
        const text = await toPartialReply(this.#replier, change.value);
        return text === null ? [] : this.#grow(seq, text, false);
      }
      case 'interrupt': {
        if (!this.endsAfter(event)) return [];
        const { runId } = this.#segment.key;
        const question = { seq, payload: change.payload };
        const state = { status: 'completed', output: [encodeCall(runId, question)] } as const;
        return [...this.#dropDraft(seq), ...this.#call(seq, change.payload), this.#over(seq, state)];
      }
      case 'result': {
        const text = await toReply(this.#replier, change.value);
        const output = [encodeMessage(messageIdOf(this.#segment.key), text)];
        const state = { status: 'completed', output, completedAtMs: event.atMs } as const;
        return [...this.#grow(seq, text, true), ...this.#finish(seq, text), this.#over(seq, state)];
      }
      case 'error': {
        const state = { status: statusOfError(change), output: [], error: change } as const;
        return [...this.#dropDraft(seq), this.#over(seq, state)];
      }
      default:
        return assertNever(change);
    }
  }

  #lifecycle({ seq, change }: RunEvent, isEarly: boolean): readonly JsonObject[] {
    const { run, key } = this.#segment;
    const isFirst = seq === key.fromSeq + 1;
    const phase = change.kind === 'phase' ? change.phase : 'running';
    const status = isEarly ? statusOf({ phase, request: run.request }) : 'in_progress';
    if (!isFirst && (this.#isInProgress || status === 'queued')) return [];
    const response = encodeResponse(run, key, { status, output: [] });
    const made = isFirst ? [this.#event(seq, kinds.created, { type: 'response.created', response })] : [];
    if (status === 'queued') return [...made, this.#event(seq, kinds.queued, { type: 'response.queued', response })];
    this.#isInProgress = true;
    return [...made, this.#event(seq, kinds.inProgress, { type: 'response.in_progress', response })];
  }

  /** Sends what a text has more than the reader has. One that is another text waits for the end, and begins anew there. */
  #grow(seq: number, text: string, isLast: boolean): readonly JsonObject[] {
    const made: JsonObject[] = [];
    let delta = this.#deltaTo(text);
    if (delta === null) {
      if (!isLast) return [];
      made.push(...this.#dropDraft(seq));
      delta = text;
    }
    made.push(...this.#open(seq));
    this.#sent.length = text.length;
    this.#sent.text = text;
    if (delta === '') return made;
    made.push(this.#inItem(seq, kinds.textDelta, { type: 'response.output_text.delta', delta, logprobs: [] }));
    return made;
  }

  /** Null: the reader has another text. */
  #deltaTo(text: string): string | null {
    const { text: sent, length, isVoid } = this.#sent;
    if (isVoid) return null;
    // The text grows, for all that is known.
    if (sent === null) return text.length < length ? null : text.slice(length);
    const delta = toDelta(sent, text);
    return delta.kind === 'anew' ? null : delta.kind === 'growth' ? delta.text : '';
  }

  #open(seq: number): readonly JsonObject[] {
    const made: JsonObject[] = [];
    if (!this.#sent.isAdded) {
      const item = { ...encodeMessage(this.#messageId(), '', 'in_progress'), content: [] };
      made.push(this.#ofItem(seq, kinds.itemAdded, { type: 'response.output_item.added', item }));
    }
    if (!this.#sent.hasPart)
      made.push(this.#inItem(seq, kinds.partAdded, { type: 'response.content_part.added', part: encodeText('') }));
    this.#sent.isAdded = true;
    this.#sent.hasPart = true;
    return made;
  }

  #finish(seq: number, text: string): readonly JsonObject[] {
    const item = encodeMessage(this.#messageId(), text);
    const part = encodeText(text);
    return [
      this.#inItem(seq, kinds.textDone, { type: 'response.output_text.done', text, logprobs: [] }),
      this.#inItem(seq, kinds.partDone, { type: 'response.content_part.done', part }),
      this.#ofItem(seq, kinds.itemDone, { type: 'response.output_item.done', item }),
    ];
  }

  /** Ends a message that the run does not go on with. The numbers are those of no text, so that what follows has greater ones. */
  #dropDraft(seq: number): readonly JsonObject[] {
    const { isAdded, hasPart, text } = this.#sent;
    if (!isAdded) return [];
    const known = text ?? '';
    const part = encodeText(known);
    const item = encodeMessage(this.#messageId(), known, 'incomplete');
    this.#sent.length = 0;
    const made = [
      ...(hasPart
        ? [
            this.#inItem(seq, kinds.draftTextDone, { type: 'response.output_text.done', text: known, logprobs: [] }),
            this.#inItem(seq, kinds.draftPartDone, { type: 'response.content_part.done', part }),
          ]
        : []),
      this.#ofItem(seq, kinds.draftItemDone, { type: 'response.output_item.done', item }),
    ];
    const nothing: Partial<Sent> = { index: 1, isAdded: false, hasPart: false, isVoid: false, text: '' };
    Object.assign(this.#sent, nothing);
    return made;
  }

  #call(seq: number, payload: Json): readonly JsonObject[] {
    const { runId } = this.#segment.key;
    const question = { seq, payload };
    const { id: item_id } = callIdsOf(runId, seq);
    const written = argumentsOf(payload);
    const added = encodeCall(runId, question, 'in_progress');
    const name = 'resume';
    return [
      this.#ofItem(seq, kinds.callAdded, { type: 'response.output_item.added', item: added }),
      this.#ofItem(seq, kinds.argumentsDelta, {
        type: 'response.function_call_arguments.delta',
        item_id,
        delta: written,
      }),
      this.#ofItem(seq, kinds.argumentsDone, {
        ...{ type: 'response.function_call_arguments.done', item_id, name, arguments: written },
      }),
      this.#ofItem(seq, kinds.callDone, {
        ...{ type: 'response.output_item.done', item: encodeCall(runId, question) },
      }),
    ];
  }

  /** A response that was cancelled ends as one that failed: OpenAI has no event of its own for it. */
  #over(seq: number, state: ResponseState): JsonObject {
    const { run, key } = this.#segment;
    const type = state.status === 'completed' ? 'response.completed' : 'response.failed';
    return this.#event(seq, kinds.over, { type, response: encodeResponse(run, key, state) });
  }

  #messageId(): string {
    const id = messageIdOf(this.#segment.key);
    return this.#sent.index === 0 ? id : `${id}_anew`;
  }

  #inItem(seq: number, kind: number, event: JsonObject): JsonObject {
    return this.#ofItem(seq, kind, { item_id: this.#messageId(), content_index: 0, ...event });
  }

  #ofItem(seq: number, kind: number, event: JsonObject): JsonObject {
    const { index } = this.#sent;
    const isDraft = kind < kinds.itemAdded;
    return this.#event(seq, isDraft ? kind : kind + index * secondItem, { output_index: index, ...event });
  }

  #event(seq: number, kind: number, event: JsonObject): JsonObject {
    return { ...event, sequence_number: sequenceNumberOf({ seq, kind, textLength: this.#sent.length }) };
  }
}

/** What a reader has that has seen everything up to a position. */
function sentUpTo(after: Position | null): Sent {
  const nothing: Sent = { index: 0, isAdded: false, hasPart: false, isVoid: false, length: 0, text: '' };
  if (after === null) return nothing;
  const { kind, textLength } = after;
  if (kind === kinds.draftTextDone || kind === kinds.draftPartDone)
    return { ...nothing, isAdded: true, hasPart: true, isVoid: true, text: null };
  if (kind === kinds.draftItemDone) return { ...nothing, index: 1 };
  if (kind < kinds.itemAdded || kind === kinds.over) return nothing;
  const index = kind % 10 >= secondItem ? 1 : 0;
  const isCall = kind >= kinds.callAdded;
  if (isCall) return { ...nothing, index };
  const group = kind - index * secondItem;
  const hasText = group >= kinds.textDelta && textLength > 0;
  return {
    ...{ index, isAdded: true, hasPart: group >= kinds.partAdded, isVoid: false },
    ...(hasText ? { length: textLength, text: null } : { length: 0, text: '' }),
  };
}

function toSent(data: JsonObject): SentEvent {
  return { event: String(data.type), data };
}
