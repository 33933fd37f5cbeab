import type { Agent } from '../../contract/domain/agent.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Stop, StopName } from '../../contract/domain/operator.ts';

type Starting = { readonly agent: Pick<Agent, 'name' | 'backend'>; readonly tenant: string };

/** What operators have stopped, as this process knows it: asked before every start. */
export class Stops {
  readonly #log: Log;
  #stops: readonly Stop[] = [];
  #byName: ReadonlyMap<string, Stop> = new Map();
  readonly #onChange = new Set<(changed: StopChanges) => void>();

  constructor(log: Log) {
    this.#log = log;
  }

  get all(): readonly Stop[] {
    return this.#stops;
  }

  find({ kind, name }: StopName): Stop | null {
    return this.#byName.get(`${kind} ${name}`) ?? null;
  }

  /** What keeps a run from its start; null: nothing. */
  of({ agent, tenant }: Starting): Stop | null {
    if (this.#byName.size === 0) return null;
    return (
      this.find({ kind: 'agent', name: agent.name }) ??
      this.find({ kind: 'backend', name: agent.backend }) ??
      this.find({ kind: 'tenant', name: tenant })
    );
  }

  /** Calls back with what was stopped and lifted. The result ends that. */
  onChange(callback: (changed: StopChanges) => void): () => void {
    this.#onChange.add(callback);
    return () => this.#onChange.delete(callback);
  }

  /** Takes over what the store has. */
  replace(stops: readonly Stop[]): void {
    const before = this.#stops;
    const byName = new Map(stops.map((stop) => [`${stop.kind} ${stop.name}`, stop]));
    const added = stops.filter((stop) => this.find(stop)?.atMs !== stop.atMs);
    const lifted = before.filter(({ kind, name }) => !byName.has(`${kind} ${name}`));
    this.#stops = stops;
    this.#byName = byName;
    if (added.length === 0 && lifted.length === 0) return;
    for (const { kind, name, by, reason } of added) this.#log.warn({ kind, name, by, reason }, 'starts stopped');
    for (const { kind, name } of lifted) this.#log.info({ kind, name }, 'starts resumed');
    for (const callback of [...this.#onChange]) callback({ added, lifted });
  }
}

export type StopChanges = { readonly added: readonly Stop[]; readonly lifted: readonly Stop[] };
