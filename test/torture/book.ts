import { type Judgement, judgeOutput, type Output } from './output.ts';
import type { Plan } from './plan.ts';

/** A run that was acknowledged to a client. */
export type KnownRun = {
  readonly runId: string;
  readonly plan: Plan;
  readonly acknowledgedAtMs: number;
  /** The end that a client saw; null until then. */
  readonly judgement: Judgement | null;
};

const maxDetails = 20;

/** What the clients know: runs by id, and everything that they saw go wrong. */
export class Book {
  readonly #runs = new Map<string, { -readonly [name in keyof KnownRun]: KnownRun[name] }>();
  /** Ids of runs whose end no client has seen. */
  readonly #live = new Set<string>();
  readonly #wrong = new Map<string, string>();
  readonly #gapped = new Map<string, string>();
  readonly #unexpected: string[] = [];
  streams = 0;
  cuts = 0;
  /** Creates whose answer did not come, and which were not repeated. */
  unanswered = 0;
  replays = 0;

  get all(): readonly KnownRun[] {
    return [...this.#runs.values()];
  }

  get live(): readonly KnownRun[] {
    return [...this.#live].flatMap((runId) => this.#runs.get(runId) ?? []);
  }

  /** By run: what is wrong with its output. */
  get wrong(): ReadonlyMap<string, string> {
    return this.#wrong;
  }

  /** By run: what is wrong with its stream. */
  get gapped(): ReadonlyMap<string, string> {
    return this.#gapped;
  }

  /** Answers that no client should ever get; the first ones. */
  get unexpected(): readonly string[] {
    return this.#unexpected;
  }

  /** The answer to a create was 200. A replay of it counts once. */
  acknowledge(runId: string, plan: Plan): KnownRun {
    const known = this.#runs.get(runId);
    if (known !== undefined) return known;
    const run = { runId, plan, acknowledgedAtMs: performance.now(), judgement: null };
    this.#runs.set(runId, run);
    this.#live.add(runId);
    return run;
  }

  /** A client read the final output of a run, perhaps not as the first one. */
  seeEnd(runId: string, output: Output): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return;
    const judgement = judgeOutput(run.plan, output);
    this.#live.delete(runId);
    const changed = run.judgement !== null && run.judgement !== judgement;
    if (judgement === 'wrong' || changed) {
      const before = changed ? `, which was ${run.judgement} before` : '';
      this.#wrong.set(runId, `${run.plan.agent} ${run.plan.key}: ${JSON.stringify(output)}${before}`);
    }
    run.judgement ??= judgement;
  }

  noteGap(runId: string, what: string): void {
    if (!this.#gapped.has(runId)) this.#gapped.set(runId, what);
  }

  noteUnexpected(what: string): void {
    if (this.#unexpected.length < maxDetails) this.#unexpected.push(what);
  }
}
