import { toDelta, toPartialReply } from '../../agents/chat.ts';
import type { Api } from '../../contract/api/api.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { RunEvent, SentEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { contentText, ownMessages } from '../../json/conversation.ts';
import { interruptId } from '../shared/interrupt-ids.ts';
import { encodePhase } from '../shared/phase-update.ts';
import { asObject } from '../shared/values.ts';
import { findAgent, isChat, readStateAfter, readStateBefore, readThread } from './context.ts';
import { numberOf, places, sendAfter } from './event-numbers.ts';
import { encodeFailure } from './failures.ts';
import type { StreamMode } from './run-requests.ts';
import { encodeState, type State, stateAfter, stateBefore } from './state.ts';

export type NarrationOptions = {
  readonly modes: ReadonlySet<StreamMode>;
  /** The last number that the reader has; -1 before the first. */
  readonly lastSeen: number;
  /** The client has asked for the end of the run, so that its cancellation is no error. */
  readonly isEnded: boolean;
};

/** An event of a stream, without its number. */
export type Narrated = { readonly place: number; readonly event: string; readonly data: Json };

/** A run's events for one reader, in LangGraph's words. */
export class Narration {
  readonly #api: Api;
  readonly #run: Run;
  readonly #options: NarrationOptions;
  readonly #threadId: string;
  #before: Promise<State> | null = null;
  /** The text of each message that the reader has, or has the beginning of. */
  readonly #texts = new Map<string, string>();
  /** Whether those are all that it has. */
  readonly #isFirst: boolean;

  /** @param options.isFirst whether the reader has nothing of the run yet */
  constructor(api: Api, run: Run, options: NarrationOptions & { readonly isFirst: boolean }) {
    this.#api = api;
    this.#run = run;
    this.#options = options;
    this.#threadId = run.threadId ?? run.runId;
    this.#isFirst = options.isFirst;
  }

  /** The state that the run begins with, or goes on with. */
  async input(): Promise<JsonObject> {
    return encodeState(stateBefore(await this.#stateBefore(), this.#run.request), this.#threadId);
  }

  /** What the reader gets for an event, as far as it has not. */
  readonly expand = async (event: RunEvent): Promise<readonly SentEvent[]> => {
    const narrated = (await this.narrate(event)).map(({ place, ...each }) => ({
      at: numberOf(event.seq, place),
      ...each,
    }));
    return sendAfter(this.#options.lastSeen, narrated);
  };

  /** What an event becomes, in the order of the places. */
  async narrate(event: RunEvent): Promise<readonly Narrated[]> {
    const { change } = event;
    switch (change.kind) {
      case 'phase':
        // Other runs change the state until the run has the thread.
        this.#before = null;
        return this.#has('custom') ? [{ place: places.custom, event: 'custom', data: encodePhase(change) }] : [];
      case 'replaced':
        return [];
      case 'partial':
        return await this.#narratePartial(change.value);
      case 'interrupt':
        return await this.#narrateInterrupt(event, change.payload);
      case 'result':
        return [...(await this.#narrateResult(change.value)), end];
      case 'error': {
        if (change.errcode === errcodes.cancelled)
          return this.#options.isEnded ? [...(await this.#narrateState()), end] : [end];
        return [{ place: places.error, event: 'error', data: encodeFailure(change) }, end];
      }
      default:
        return assertNever(change);
    }
  }

  async #narratePartial(partial: Json): Promise<readonly Narrated[]> {
    const agent = findAgent(this.#api, this.#run);
    const reply = isChat(this.#run) ? await toPartialReply(agent, partial) : null;
    const state = stateAfter(await this.#stateBefore(), this.#run.request, partial, reply);
    const values = encodeState(state, this.#threadId);
    const [message] = newMessages(values).slice(-1);
    const isSaid = message !== undefined && (reply !== null || ownMessages(partial) !== null);
    return [
      ...(this.#has('values') ? [{ place: places.values, event: 'values', data: values }] : []),
      ...(this.#has('custom') ? [{ place: places.custom, event: 'custom', data: partial }] : []),
      ...(isSaid ? this.#narrateMessage(message, { at: 0, isWhole: false }) : []),
    ];
  }

  async #narrateInterrupt({ runId, seq }: RunEvent, payload: Json): Promise<readonly Narrated[]> {
    // One that was answered is no question any more.
    if (seq < this.#run.lastSeq) return [];
    const asked: JsonObject = { __interrupt__: [{ id: interruptId({ runId, seq }), value: payload }] };
    const isInUpdates = this.#has('updates');
    const state = stateBefore(await this.#stateBefore(), this.#run.request);
    const values = { ...encodeState(state, this.#threadId), ...asked };
    return [
      ...(isInUpdates ? [{ place: places.updates, event: 'updates', data: asked }] : []),
      // A reader must learn of it, whatever its modes are.
      ...(this.#has('values') || !isInUpdates ? [{ place: places.values, event: 'values', data: values }] : []),
      end,
    ];
  }

  async #narrateResult(output: Json): Promise<readonly Narrated[]> {
    const state = await readStateAfter(this.#api, this.#run, output);
    const values = encodeState(state, this.#threadId);
    const said = isChat(this.#run) || ownMessages(output) !== null ? newMessages(values) : [];
    const { messages: _all, ...members } = encodeState({ values: output, messages: [] }, this.#threadId);
    const update = { [this.#run.agentName]: said.length === 0 ? asObject(output) : { ...members, messages: said } };
    return [
      ...(this.#has('updates') ? [{ place: places.updates, event: 'updates', data: update }] : []),
      ...this.#takeBack(said),
      ...said
        .slice(0, places.maxMessages)
        .flatMap((message, at) => this.#narrateMessage(message, { at, isWhole: true })),
      ...(this.#has('values') ? [{ place: places.result, event: 'values', data: values }] : []),
    ];
  }

  /** The thread's state as it is, where the run has left none. */
  async #narrateState(): Promise<readonly Narrated[]> {
    if (!this.#has('values')) return [];
    const state = await readThread(this.#api, this.#run);
    return [{ place: places.result, event: 'values', data: encodeState(state, this.#threadId) }];
  }

  /** A message in both of its forms: pieces that the reader puts together, and what is said so far. */
  #narrateMessage(
    message: JsonObject,
    { at, isWhole }: { readonly at: number; readonly isWhole: boolean },
  ): readonly Narrated[] {
    const place = places.messages + at * places.perMessage;
    const about = this.#about();
    const id = String(message.id);
    const isNew = !this.#texts.has(id);
    const narrated: Narrated[] = [];
    if (this.#has('messages-tuple'))
      // Whether there is a removal or not, the text has the same number.
      for (const piece of this.#pieces(message, isWhole))
        narrated.push({ place: piece.type === removal ? place : place + 1, event: 'messages', data: [piece, about] });
    if (this.#has('messages')) {
      if (isNew) narrated.push({ place: place + 2, event: 'messages/metadata', data: { [id]: { metadata: about } } });
      narrated.push({ place: place + 3, event: isWhole ? 'messages/complete' : 'messages/partial', data: [message] });
    }
    this.#texts.set(id, contentText(message.content));
    return narrated;
  }

  /**
   * What follows what the reader has of a message, which its client appends. Where that is not known, or the text is
   * another one now, the message is taken back first.
   */
  #pieces(message: JsonObject, isWhole: boolean): readonly JsonObject[] {
    const id = String(message.id);
    const whole = isWhole ? message : { ...message, type: pieceType };
    const known = this.#texts.get(id);
    if (known === undefined) return this.#isFirst ? [whole] : [removalOf(id), whole];
    const delta = toDelta(known, contentText(message.content));
    switch (delta.kind) {
      case 'same':
        return [];
      case 'growth':
        return [{ ...message, type: pieceType, content: delta.text }];
      case 'anew':
        return [removalOf(id), whole];
      default:
        return assertNever(delta);
    }
  }

  /** A message that a partial output had, and the result has not. */
  #takeBack(said: readonly JsonObject[]): readonly Narrated[] {
    if (!this.#has('messages-tuple')) return [];
    const lost = [...this.#texts.keys()].filter((id) => !said.some((message) => message.id === id));
    return lost
      .slice(0, places.maxLost)
      .map((id, at) => ({ place: places.lost + at, event: 'messages', data: [removalOf(id), this.#about()] }));
  }

  #about(): JsonObject {
    const { runId: run_id, agentId: assistant_id, agentName: name } = this.#run;
    return { langgraph_node: name, langgraph_step: 1, run_id, thread_id: this.#threadId, graph_id: name, assistant_id };
  }

  #has(mode: StreamMode): boolean {
    return this.#options.modes.has(mode);
  }

  /** Only the run itself changes the state while it has the thread. */
  #stateBefore(): Promise<State> {
    this.#before ??= readStateBefore(this.#api, this.#run);
    return this.#before;
  }
}

const pieceType = 'AIMessageChunk';
/** LangGraph's own message that takes back another one. */
const removal = 'remove';
const end: Narrated = { place: places.end, event: 'end', data: null };

/** What the agent has said last: the messages after the last one of the user. */
function newMessages({ messages }: JsonObject): readonly JsonObject[] {
  if (!Array.isArray(messages)) return [];
  const said = messages as readonly JsonObject[];
  return said.slice(said.findLastIndex(({ type }) => type === 'human') + 1);
}

function removalOf(id: string): JsonObject {
  return { type: removal, content: '', id };
}
