import type { Api } from '../../contract/api/api.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Checkpoint, Thread } from '../../contract/domain/thread.ts';
import { instantOf } from '../shared/answers.ts';
import { asObject } from '../shared/values.ts';
import { encodeMessages } from './messages.ts';
import { encodeState, type State, stateBefore } from './state.ts';
import { interruptsOf } from './thread-state.ts';

/**
 * LangGraph's history has three states of a run: the one that it has left, under the id of the checkpoint, the one that it has begun
 * with, and the one before its input. Of a run that has left none, the second has the id of the run.
 */
type EarlierPart = 'begun' | 'input';

/** Where a state stands in its history. */
type Place = { readonly id: string | null; readonly parentId: string | null; readonly step: number };

/** UUIDs of versions that no checkpoint and no run has, because clients take ids of states for UUIDs. */
const versions: Readonly<Record<EarlierPart, string>> = { input: '6', begun: '8' };
const placeOfVersion = 14;

export function idOfPart(id: string, part: EarlierPart): string {
  return `${id.slice(0, placeOfVersion)}${versions[part]}${id.slice(placeOfVersion + 1)}`;
}

/** The checkpoint or the run that an id names, and which of its earlier states; null: none of them. */
export function readStateId(stateId: string): { readonly id: string; readonly part: EarlierPart | null } {
  const version = stateId.charAt(placeOfVersion);
  const part = version === versions.input ? 'input' : version === versions.begun ? 'begun' : null;
  const id = part === null ? stateId : `${stateId.slice(0, placeOfVersion)}7${stateId.slice(placeOfVersion + 1)}`;
  return { id, part };
}

/** Encodes the states of one thread. */
export class StateEncoder {
  readonly #api: Api;
  readonly #thread: Thread;

  constructor(api: Api, thread: Thread) {
    this.#api = api;
    this.#thread = thread;
  }

  /** The thread before its first run. */
  encodeEmpty(): JsonObject {
    return { ...this.#encodeAny({ id: null, parentId: null, step: -1 }, this.#thread.createdAtMs), values: {} };
  }

  encodeCheckpoint(checkpoint: Checkpoint, place: Place): JsonObject {
    const { runId, metadata, atMs } = checkpoint;
    const about: JsonObject = runId === null ? { source: 'update' } : { source: 'loop', run_id: runId };
    return { ...this.#encodeAny(place, atMs, { ...metadata, ...about }), values: this.#valuesOf(checkpoint) };
  }

  /** The state with which a run began, or, of an open run, what it waits for or why it failed. */
  encodeBegun(before: State, run: Run, place: Place): JsonObject {
    const { runId, agentId, outcome, request, phase, startedAtMs, createdAtMs, updatedAtMs } = run;
    const name = this.#nameOf(agentId) ?? run.agentName;
    const isOver = phase === 'done' && outcome?.kind === 'result';
    const interrupts = interruptsOf(run);
    const error = outcome?.kind === 'error' ? outcome.description : null;
    const result = isOver ? this.#valuesOf({ values: outcome.value, messages: [] }) : null;
    const path = ['__pregel_pull', name];
    return {
      ...this.#encodeAny(place, isOver ? (startedAtMs ?? createdAtMs) : updatedAtMs, {
        ...request.metadata,
        ...{ run_id: runId, source: 'loop' },
      }),
      values: this.#valuesOf(stateBefore(before, request)),
      next: [name],
      tasks: [{ id: runId, name, error, interrupts, path, checkpoint: null, state: null, result }],
      interrupts,
    };
  }

  /** The state before the input of a run, which is what comes next. */
  encodeInput(before: State, { runId, request, createdAtMs }: Run, place: Place): JsonObject {
    const name = '__start__';
    const { input = null, messages = [] } = request;
    const result: JsonObject =
      messages.length > 0
        ? { messages: encodeMessages(messages, this.#thread.threadId, before.messages.length) }
        : asObject(input);
    const path = ['__pregel_pull', name];
    return {
      ...this.#encodeAny(place, createdAtMs, { ...request.metadata, run_id: runId, source: 'input' }),
      values: this.#valuesOf(before),
      next: [name],
      tasks: [
        {
          id: idOfPart(runId, 'input'),
          name,
          error: null,
          interrupts: [],
          path,
          checkpoint: null,
          state: null,
          result,
        },
      ],
    };
  }

  #encodeAny({ id, parentId, step }: Place, atMs: number, metadata: JsonObject = {}): JsonObject {
    const { threadId, agentId } = this.#thread;
    const ofAgent: JsonObject =
      agentId === null ? {} : { graph_id: this.#nameOf(agentId) ?? agentId, assistant_id: agentId };
    return {
      next: [],
      tasks: [],
      metadata: { ...metadata, ...ofAgent, thread_id: threadId, step },
      created_at: instantOf(atMs),
      checkpoint: encodePlace(threadId, id),
      parent_checkpoint: parentId === null ? null : encodePlace(threadId, parentId),
      interrupts: [],
    };
  }

  /** Null where the config no longer has the agent, or it is none of the caller's. */
  #nameOf(agentId: string): string | null {
    const agents = this.#api.agents.search({ limit: Number.MAX_SAFE_INTEGER, offset: 0 });
    return agents.find((each) => each.agentId === agentId)?.name ?? null;
  }

  #valuesOf(state: State): JsonObject {
    return encodeState(state, this.#thread.threadId);
  }
}

/** A checkpoint as states name it. */
export function encodePlace(threadId: string, id: string | null): JsonObject {
  return { thread_id: threadId, checkpoint_ns: '', checkpoint_id: id, checkpoint_map: null };
}
