/** What is remembered of one engine; it is asked again after a restart. */
const maxNewest = 10_000;

/** Which of several forms of a path the engine has. */
export class PathForms {
  #known: number | null = null;

  /** The form to ask in, and whether others are worth a try. */
  get first(): number {
    return this.#known ?? 0;
  }

  get isKnown(): boolean {
    return this.#known !== null;
  }

  note(form: number): void {
    this.#known = form;
  }
}

/** The newest runs of agents that have continued as new, by the run that was started. */
export class NewestRuns {
  readonly #runs = new Map<string, string>();

  of(runId: string): string {
    return this.#runs.get(runId) ?? runId;
  }

  note(runId: string, newest: string): void {
    this.#runs.delete(runId);
    this.#runs.set(runId, newest);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > maxNewest && oldest !== undefined) this.#runs.delete(oldest);
  }
}
