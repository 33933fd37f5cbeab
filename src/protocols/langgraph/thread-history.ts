import type { Api } from '../../contract/api/api.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Checkpoint, ThreadKey } from '../../contract/domain/thread.ts';
import type { RowBatch } from '../../contract/store/rows.ts';
import { foundOrNull } from '../shared/found-or-null.ts';
import { emptyState } from './state.ts';
import { idOfPart, readStateId, StateEncoder } from './state-entries.ts';
import type { OpenThread } from './thread-state.ts';

/** The step of a thread's first state, as LangGraph counts. */
const firstStep = -1;
/** Of a run: its input and two more, as a graph of one node has. A patch has one. */
const stepsOfRun = 3;

/** What has states of its own: the open run, or a checkpoint. */
type Owner = { readonly run: Run } | { readonly checkpoint: Checkpoint };
/** A state of an owner, by its place among them. */
type StatePlace = { readonly owner: Owner; readonly at: number };

/** The states of a thread, newest first: those of the open run, which has left none yet, and those of the checkpoints. */
export async function* listStates(
  api: Api,
  open: OpenThread,
  { limit, beforeId }: { readonly limit: number; readonly beforeId: string | null },
): AsyncGenerator<RowBatch<JsonObject>, undefined> {
  const history = new ThreadHistory(api, open);
  const start = beforeId === null ? null : await history.locate(beforeId);
  if (beforeId !== null && start === null) return;
  let held: Owner | null = start?.owner ?? history.head;
  let skipped = start === null ? 0 : start.at + 1;
  let left = limit;
  const take = async (previous: Checkpoint | null): Promise<readonly JsonObject[]> => {
    if (held === null || left <= 0) return [];
    const states = (await history.encode(held, previous)).slice(skipped, skipped + left);
    skipped = 0;
    left -= states.length;
    return states;
  };
  // Each state names the one before it, so one more checkpoint is read.
  for await (const { rows, size } of history.listBefore(held, limit + 1)) {
    const states: JsonObject[] = [];
    for (const checkpoint of rows) {
      states.push(...(await take(checkpoint)));
      held = { checkpoint };
    }
    yield { rows: states, size };
    if (left <= 0) return;
  }
  yield { rows: await take(null), size: 0 };
}

/** The newest state; empty before the first run. */
export async function readState(api: Api, open: OpenThread): Promise<JsonObject> {
  for await (const { rows } of listStates(api, open, { limit: 1, beforeId: null }))
    for (const state of rows) return state;
  return new StateEncoder(api, open.thread).encodeEmpty();
}

/** The state with an id: one of the open run or of a checkpoint, or the one that a run has left. Null: there is none. */
export async function findState(api: Api, open: OpenThread, id: string): Promise<JsonObject | null> {
  const history = new ThreadHistory(api, open);
  const found = await history.locate(id);
  if (found === null) return null;
  for await (const { rows } of history.listBefore(found.owner, 1))
    for (const previous of rows) return (await history.encode(found.owner, previous))[found.at] ?? null;
  return (await history.encode(found.owner, null))[found.at] ?? null;
}

/** The history of a thread, for one request. */
class ThreadHistory {
  readonly #api: Api;
  readonly #open: OpenThread;
  readonly #encoder: StateEncoder;
  readonly #key: ThreadKey;
  /** Steps of what is older than the checkpoint that was encoded last; null before the first. */
  #olderSteps: number | null = null;

  constructor(api: Api, open: OpenThread) {
    const { tenant, threadId } = open.thread;
    this.#api = api;
    this.#open = open;
    this.#encoder = new StateEncoder(api, open.thread);
    this.#key = { tenant, threadId };
  }

  /** What has the newest state apart from the checkpoints. */
  get head(): Owner | null {
    const { run } = this.#open;
    return run === null ? null : { run };
  }

  /** Checkpoints that are older than all states of an owner. */
  listBefore(owner: Owner | null, limit: number) {
    const beforeId = owner !== null && 'checkpoint' in owner ? owner.checkpoint.checkpointId : null;
    return this.#api.threads.history(this.#key, { limit, beforeId });
  }

  async locate(stateId: string): Promise<StatePlace | null> {
    const { run } = this.#open;
    const { id, part } = readStateId(stateId);
    if (run !== null && id === run.runId) return { owner: { run }, at: part === 'input' ? 1 : 0 };
    const checkpoint = (await this.#api.threads.findCheckpoint(this.#key, id)) ?? (await this.#findLeft(id));
    if (checkpoint === null) return null;
    return { owner: { checkpoint }, at: part === null ? 0 : part === 'begun' ? 1 : 2 };
  }

  /**
   * The states of an owner, newest first. `previous`: the checkpoint before them; null where there is none. Owners are encoded one
   * after the other, from newer to older ones, so that their steps are counted once.
   */
  async encode(owner: Owner, previous: Checkpoint | null): Promise<readonly JsonObject[]> {
    const parentId = previous?.checkpointId ?? null;
    const before = previous ?? emptyState;
    if ('run' in owner) {
      const { run } = owner;
      const step = await this.#firstStepOf(null);
      const input = { id: idOfPart(run.runId, 'input'), parentId, step };
      const begun = { id: run.runId, parentId: input.id, step: step + 1 };
      return [this.#encoder.encodeBegun(before, run, begun), this.#encoder.encodeInput(before, run, input)];
    }
    const { checkpoint } = owner;
    const { checkpointId: id, runId } = checkpoint;
    const step = await this.#firstStepOf(checkpoint);
    const run = runId === null ? null : await this.#findRun(runId);
    if (runId === null) return [this.#encoder.encodeCheckpoint(checkpoint, { id, parentId, step })];
    // The run may have been removed since, and its steps with it.
    if (run === null) return [this.#encoder.encodeCheckpoint(checkpoint, { id, parentId, step: step + 2 })];
    const input = { id: idOfPart(id, 'input'), parentId, step };
    const begun = { id: idOfPart(id, 'begun'), parentId: input.id, step: step + 1 };
    return [
      this.#encoder.encodeCheckpoint(checkpoint, { id, parentId: begun.id, step: step + 2 }),
      this.#encoder.encodeBegun(before, run, begun),
      this.#encoder.encodeInput(before, run, input),
    ];
  }

  /** The first step of a checkpoint, or of the open run: that which follows all older ones. */
  async #firstStepOf(checkpoint: Checkpoint | null): Promise<number> {
    if (checkpoint === null) return firstStep + (await this.#countSteps(null));
    // Counted anew after the open run, which may have left its checkpoint meanwhile.
    if (this.#olderSteps === null) this.#olderSteps = await this.#countSteps(checkpoint.checkpointId);
    else this.#olderSteps -= checkpoint.runId === null ? 1 : stepsOfRun;
    return firstStep + this.#olderSteps;
  }

  async #countSteps(beforeId: string | null): Promise<number> {
    const { runs, patches } = await this.#api.threads.countCheckpoints(this.#key, beforeId);
    return runs * stepsOfRun + patches;
  }

  async #findLeft(runId: string): Promise<Checkpoint | null> {
    const { tenant, threadId } = this.#key;
    const left = await foundOrNull(this.#api.threads.stateAfterRun({ tenant, runId }), 'run_not_found');
    return left?.threadId === threadId ? left : null;
  }

  /** Null where it was removed, or is of an agent that the caller may not see. */
  async #findRun(runId: string): Promise<Run | null> {
    return await foundOrNull(this.#api.runs.get({ tenant: this.#key.tenant, runId }), 'run_not_found');
  }
}
