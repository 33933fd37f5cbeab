import type { Json, JsonObject } from '../contract/domain/json.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { Fault, Vendor } from './faults.ts';
import { takesEffect } from './faults.ts';
import { type AgentEvent, type Ended, parseKnobs, type Script, type ScriptedRun, type View } from './script.ts';
import type { RunNote, StartLog } from './start-log.ts';

/** A run at one of the sandbox's vendors. */
export type SandboxRun = ScriptedRun & {
  /** Where it runs, such as a workspace's project or an agent's name; the same id elsewhere is another run. */
  readonly scope: string;
  /** Second id of a Restack run; empty for Intuned. */
  readonly groupId: string;
  /** What the vendor shows of the start in addition to the input. */
  readonly labels: JsonObject;
  readonly script: Script;
  readonly startedAtMs: number;
  readonly events: AgentEvent[];
  observes: number;
  ended: Ended | null;
};

export type StartOrder = {
  readonly vendor: Vendor;
  readonly scope: string;
  readonly agent: string;
  readonly script: Script;
  readonly input: Json;
  readonly runId: string;
  readonly groupId: string;
  readonly labels?: JsonObject;
};

const noLabels: JsonObject = {};

/** The outcome of a start: a run, a spoiled answer, or both. */
export type StartResult = { readonly run: SandboxRun | null; readonly fault: Fault | null };

export type Limits = {
  /** Starts beyond this number of live runs are refused with 429. */
  readonly maxLive: number;
  /** Finished runs beyond this number are forgotten, oldest first. */
  readonly maxFinished: number;
  /** Finished runs are forgotten after this time. */
  readonly keepFinishedMs: number;
};

// The agents that refuse the first starts of an input must distinguish inputs, a bounded number of them.
const maxTurnedDown = 10_000;

/** The runs of all vendors. Their states are computed on request, so that no run needs a timer. */
export class RunTable {
  readonly #startLog: StartLog;
  readonly #limits: Limits;
  readonly #nowMs: () => number;
  readonly #runs = new Map<string, SandboxRun>();
  readonly #turnedDown = new Map<string, number>();
  /** At least the number of live runs; exact after a sweep. */
  #liveAtMost = 0;
  #sweepAtSize: number;

  constructor(startLog: StartLog, limits: Limits, nowMs: () => number) {
    this.#startLog = startLog;
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#sweepAtSize = this.#sweepStep();
  }

  get nowMs(): number {
    return this.#nowMs();
  }

  get size(): number {
    return this.#runs.size;
  }

  start(order: StartOrder): StartResult {
    if (this.#runs.size >= this.#sweepAtSize || this.#liveAtMost >= this.#limits.maxLive) this.sweep();
    if (this.#liveAtMost >= this.#limits.maxLive) {
      return { run: null, fault: { kind: 'status', status: 429, retryAfterSeconds: 1, message: 'too many live runs' } };
    }
    const knobs = parseKnobs(order.input);
    const fault = this.#spoilStart(order, knobs);
    if (fault !== null && !takesEffect(fault)) return { run: null, fault };
    const startedAtMs = this.#nowMs();
    const { vendor, scope, script, input, runId, groupId, labels = noLabels } = order;
    const begunAtMs = startedAtMs + (knobs.queuedMs ?? 0);
    const place = { vendor, scope, groupId, labels, runId, script, input, knobs };
    const run: SandboxRun = { ...place, startedAtMs, begunAtMs, events: [], observes: 0, ended: null };
    this.#runs.set(runId, run);
    this.#liveAtMost += 1;
    this.#startLog.countStart(knobs.key ?? null, runId);
    return { run, fault };
  }

  find(vendor: Vendor, scope: string, runId: string): SandboxRun | null {
    const run = this.#runs.get(runId);
    return run?.scope === scope && run.vendor === vendor ? run : null;
  }

  /** The newest runs at a vendor, oldest first. */
  listNewest(vendor: Vendor, max: number): readonly SandboxRun[] {
    return [...this.#runs.values()].filter((run) => run.vendor === vendor).slice(-max);
  }

  view(run: SandboxRun): View {
    if (run.ended !== null) return run.ended;
    const nowMs = this.#nowMs();
    if (nowMs < run.begunAtMs) return { kind: 'queued' };
    const view = run.script.view(run, nowMs);
    if (view.kind === 'completed' || view.kind === 'failed' || view.kind === 'canceled') run.ended = view;
    return view;
  }

  /** The run as one observation sees it; counts the observation. */
  observe(run: SandboxRun): { readonly view: View; readonly fault: Fault | null } {
    const fault = run.script.spoilObserve?.(run.knobs, run.observes) ?? null;
    run.observes += 1;
    return { view: this.view(run), fault };
  }

  /** Sends an event to a live agent. Every agent takes `end`, which completes it with the output that it showed last. */
  send(run: SandboxRun, name: string, input: Json): 'taken' | 'not-running' | 'not-heard' {
    const view = this.view(run);
    if (run.ended !== null || view.kind === 'forgotten') return 'not-running';
    const atMs = this.#nowMs();
    if (name === 'end') {
      const output = view.kind === 'running' && view.output !== undefined ? view.output : {};
      run.ended = { kind: 'completed', output, endedAtMs: atMs };
      return 'taken';
    }
    if (run.script.hears?.(name) !== true) return 'not-heard';
    run.events.push({ name, input, atMs });
    return 'taken';
  }

  /** Stops a live run, as its owner would at the vendor; false where it is over. */
  cancel(run: SandboxRun, reason: string, message: string): boolean {
    const view = this.view(run);
    if (run.ended !== null || view.kind === 'forgotten') return false;
    run.ended = { kind: 'canceled', reason, message, endedAtMs: this.#nowMs() };
    return true;
  }

  /** All runs of a key, including dropped ones. */
  notesOf(key: string): readonly RunNote[] {
    const dropped = new Map(this.#startLog.notes(key).map((note) => [note.runId, note]));
    return this.#startLog.runIds(key).flatMap((runId) => {
      const run = this.#runs.get(runId);
      const note = run === undefined ? dropped.get(runId) : this.#note(run);
      return note === undefined ? [] : [note];
    });
  }

  countLive(): number {
    let live = 0;
    for (const run of this.#runs.values()) if (!isOver(this.view(run))) live += 1;
    return live;
  }

  /** Forgets finished runs that are too old or too many. */
  sweep(): void {
    const oldestMs = this.#nowMs() - this.#limits.keepFinishedMs;
    const live = this.countLive();
    let excess = this.#runs.size - live - this.#limits.maxFinished;
    for (const run of this.#runs.values()) {
      if (!isOver(this.view(run))) continue;
      const endedAtMs = run.ended?.endedAtMs ?? run.startedAtMs;
      if (excess > 0 || endedAtMs < oldestMs) this.#drop(run);
      excess -= 1;
    }
    // Waiting for a share of new runs keeps the cost of sweeps per start constant.
    this.#sweepAtSize = this.#runs.size + this.#sweepStep();
    this.#liveAtMost = live;
  }

  clear(): void {
    this.#runs.clear();
    this.#turnedDown.clear();
    this.#liveAtMost = 0;
    this.#sweepAtSize = this.#sweepStep();
  }

  #sweepStep(): number {
    return Math.max(1_000, Math.ceil(this.#limits.maxFinished / 4));
  }

  #drop(run: SandboxRun): void {
    this.#runs.delete(run.runId);
    if (run.knobs.key !== undefined) this.#startLog.note(run.knobs.key, this.#note(run));
  }

  #note(run: SandboxRun): RunNote {
    const status = this.view(run).kind;
    const { vendor, runId, startedAtMs, observes } = run;
    return { vendor, runId, startedAtMs, endedAtMs: run.ended?.endedAtMs ?? null, status, observes };
  }

  #spoilStart(order: StartOrder, knobs: SandboxRun['knobs']): Fault | null {
    if (order.script.spoilStart === undefined) return null;
    const name = `${order.vendor} ${order.scope} ${order.agent} ${knobs.key ?? canonicalJson(order.input)}`;
    const earlier = this.#turnedDown.get(name) ?? 0;
    const fault = order.script.spoilStart(knobs, earlier);
    this.#turnedDown.delete(name);
    if (fault !== null && !takesEffect(fault)) this.#turnedDown.set(name, earlier + 1);
    if (this.#turnedDown.size > maxTurnedDown) {
      const [oldest] = this.#turnedDown.keys();
      if (oldest !== undefined) this.#turnedDown.delete(oldest);
    }
    return fault;
  }
}

function isOver(view: View): boolean {
  return view.kind !== 'queued' && view.kind !== 'running' && view.kind !== 'odd';
}
