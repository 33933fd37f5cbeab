import { afterReceiversOf, tenantOfReceiver } from './outbox-entry.ts';

/** Bounds of attempts under way: in all, and of one receiver. */
const maxUnderWay = 128;
const maxOfReceiver = 4;

export type Selection = {
  readonly receivers: readonly string[];
  /** How many attempts each of them may start. */
  readonly each: number;
  /** Receivers whose tenant is at its bound now, or that are beyond what was asked for. */
  readonly rest: readonly string[];
};

/**
 * Divides the attempts under way among tenants and receivers. A tenant starts another attempt only while more are free
 * than it has: alone it gets half of them, two get a third each, and a new tenant always finds room, however slow the
 * receivers of the others are. The receivers of a tenant take turns: a walk visits them sorted by name, and starts where
 * the last walk reached the tenant's bound.
 */
export class FairShare {
  readonly #byReceiver = new Map<string, number>();
  readonly #byTenant = new Map<string, number>();
  #underWay = 0;
  /** By tenant that reached its bound: the receiver that had the last turn. */
  readonly #turns = new Map<string, string>();
  /** Tenants that reached their bound in this walk. */
  readonly #stuck = new Set<string>();
  /** The receiver that had this walk's last turn. */
  #last = '';

  get free(): number {
    return maxUnderWay - this.#underWay;
  }

  begin(receiver: string): void {
    this.#count(receiver, 1);
  }

  end(receiver: string): void {
    this.#count(receiver, -1);
  }

  beginWalk(): void {
    this.#stuck.clear();
    this.#last = '';
  }

  /** True: some receivers were skipped in this walk and need another one. */
  endWalk(): boolean {
    const over = [...this.#turns.keys()].filter((tenant) => !this.#stuck.has(tenant));
    for (const tenant of over) this.#turns.delete(tenant);
    return over.length > 0;
  }

  /** Chooses among the walk's next receivers, `due`, `max` at most. */
  select(due: readonly string[], max = due.length): Selection {
    const receivers: string[] = [];
    const rest: string[] = [];
    const planned = new Map<string, number>();
    let { free } = this;
    for (const receiver of due) {
      const tenant = tenantOfReceiver(receiver);
      if (receiver <= (this.#turns.get(tenant) ?? '')) continue;
      const underWay = (this.#byTenant.get(tenant) ?? 0) + (planned.get(tenant) ?? 0);
      if (receivers.length === max) {
        rest.push(receiver);
        continue;
      }
      if (underWay >= free) {
        this.#wait(tenant);
        rest.push(receiver);
        continue;
      }
      this.#turns.delete(tenant);
      this.#last = receiver;
      if (this.#roomOf(receiver) === 0) continue;
      receivers.push(receiver);
      planned.set(tenant, (planned.get(tenant) ?? 0) + 1);
      free -= 1;
    }
    return { receivers, each: this.#shareOf(receivers, planned), rest };
  }

  /** Where a walk at `next` continues: receivers that cannot have a turn now are skipped, however many. */
  skip(next: string): string {
    const tenant = tenantOfReceiver(next);
    if (next === '') return next;
    if ((this.#byTenant.get(tenant) ?? 0) >= this.free) {
      this.#wait(tenant);
      return afterReceiversOf(tenant);
    }
    const turn = this.#turns.get(tenant) ?? '';
    return turn > next ? turn : next;
  }

  #wait(tenant: string): void {
    this.#stuck.add(tenant);
    if (tenantOfReceiver(this.#last) === tenant) this.#turns.set(tenant, this.#last);
  }

  #roomOf(receiver: string): number {
    return maxOfReceiver - (this.#byReceiver.get(receiver) ?? 0);
  }

  /** The attempts for each receiver that keep every tenant within its bound. */
  #shareOf(receivers: readonly string[], planned: ReadonlyMap<string, number>): number {
    const shares = [...planned].map(([tenant, count]) =>
      Math.floor((this.free - (this.#byTenant.get(tenant) ?? 0)) / (count + receivers.length)),
    );
    return Math.max(1, Math.min(...shares, ...receivers.map((receiver) => this.#roomOf(receiver))));
  }

  #count(receiver: string, change: 1 | -1): void {
    this.#underWay += change;
    add(this.#byReceiver, receiver, change);
    add(this.#byTenant, tenantOfReceiver(receiver), change);
  }
}

function add(counts: Map<string, number>, name: string, change: number): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}
