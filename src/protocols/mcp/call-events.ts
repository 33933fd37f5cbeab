import { stringifySmall } from '../../compute/json-writer.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { EventBatches, RunEvent, SentEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { boundText } from '../../json/bound-text.ts';
import { encodePhase, isUpdate } from '../shared/phase-update.ts';

export type ProgressToken = string | number;

/** The messages that an event becomes; `isLast`: nothing follows them. */
export type Encoded = { readonly messages: readonly JsonObject[]; readonly isLast: boolean };

export type CallEventOptions = {
  /** Null: the client asked for no progress. */
  readonly progressToken: ProgressToken | null;
  /** For a result, an error or an interrupt. */
  readonly conclude: (event: RunEvent) => Promise<Encoded>;
  /** The message where the run is removed before it ends. */
  readonly vanished: JsonObject;
};

const maxProgressText = 2000;

/** The events of a run as the messages on the stream of a call, the last of which answers it. */
export class CallEvents implements EventBatches<SentEvent> {
  readonly #events: EventBatches<RunEvent>;
  readonly #options: CallEventOptions;
  #isOver = false;

  constructor(events: EventBatches<RunEvent>, options: CallEventOptions) {
    this.#events = events;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<readonly SentEvent[], undefined>> {
    if (this.#isOver) return { done: true, value: undefined };
    const batch = await this.#events.next();
    if (this.#isOver) return { done: true, value: undefined };
    if (batch.done === true) {
      this.#isOver = true;
      return { done: false, value: [{ data: this.#options.vanished }] };
    }
    const value: SentEvent[] = [];
    for (const event of batch.value) {
      const { messages, isLast } = await this.#encode(event);
      value.push(...messages.map((data) => ({ data })));
      if (!isLast) continue;
      await this.return();
      break;
    }
    return { done: false, value };
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#isOver = true;
    return this.#events.return();
  }

  async #encode(event: RunEvent): Promise<Encoded> {
    const { change, seq } = event;
    switch (change.kind) {
      case 'phase':
      case 'replaced':
      case 'partial': {
        const { progressToken } = this.#options;
        return {
          messages: progressToken === null ? [] : [encodeProgress(progressToken, seq, change)],
          isLast: false,
        };
      }
      case 'interrupt':
      case 'result':
      case 'error':
        return await this.#options.conclude(event);
      default:
        return assertNever(change);
    }
  }
}

/** The number of the event is how far the run is: it grows, and its end is not known. */
function encodeProgress(progressToken: ProgressToken, seq: number, change: RunEvent['change']): JsonObject {
  const message = change.kind === 'partial' ? showPartial(change.value) : isUpdate(change) ? showUpdate(change) : '';
  return {
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken, progress: seq, message },
  };
}

function showPartial(value: Json): string {
  const text = typeof value === 'string' ? value : stringifySmall(value);
  return boundText(text ?? 'a partial output that is too large to show', maxProgressText);
}

function showUpdate(change: Parameters<typeof encodePhase>[0]): string {
  const { phase, note } = encodePhase(change);
  return typeof note === 'string' ? `${String(phase)}: ${note}` : String(phase);
}
