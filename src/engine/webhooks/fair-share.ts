import { afterReceiversOf, tenantOfReceiver } from './outbox-entry.ts';

/** Attempts under way at once, of all receivers and of one. */
const maxUnderWay = 128;
const maxOfReceiver = 4;

export type Pick = {
  readonly receivers: readonly string[];
  /** How many attempts each of them may begin. */
  readonly each: number;
  /** Those whose tenant has no room now. */
  readonly rest: readonly string[];
};

/**
 * Who may have how many attempts under way. A tenant begins another one only while more are free than it has: alone it
 * gets half of them, two get a third each, and there is room for the next one who comes, however slow all receivers
 * of the others are. The receivers of a tenant have their turn one after the other: a walk goes over them in the order
 * of their names, and begins where the last one found no room.
 */
export class FairShare {
  readonly #byReceiver = new Map<string, number>();
  readonly #byTenant = new Map<string, number>();
  #underWay = 0;
  /** By tenant that found no room: the receiver that had its turn last. */
  readonly #turns = new Map<string, string>();
  /** Tenants that found no room in this walk. */
  readonly #stuck = new Set<string>();
  /** The receiver of this walk that had its turn last. */
  #last = '';

  get free(): number {
    return maxUnderWay - this.#underWay;
  }

  take(receiver: string): void {
    this.#count(receiver, 1);
  }

  leave(receiver: string): void {
    this.#count(receiver, -1);
  }

  beginWalk(): void {
    this.#stuck.clear();
    this.#last = '';
  }

  /** True: some receivers were passed over because others had their turn; theirs is in another walk. */
  endWalk(): boolean {
    const over = [...this.#turns.keys()].filter((tenant) => !this.#stuck.has(tenant));
    for (const tenant of over) this.#turns.delete(tenant);
    return over.length > 0;
  }

  /** `due` are the next receivers of the walk. */
  pick(due: readonly string[]): Pick {
    const receivers: string[] = [];
    const rest: string[] = [];
    const planned = new Map<string, number>();
    let { free } = this;
    for (const receiver of due) {
      const tenant = tenantOfReceiver(receiver);
      if (receiver <= (this.#turns.get(tenant) ?? '')) continue;
      const underWay = (this.#byTenant.get(tenant) ?? 0) + (planned.get(tenant) ?? 0);
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

  /** Where a walk goes on that stands at `next`: not through what cannot have its turn now, however much that is. */
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

  /** As many for each as leave every tenant within its bound. */
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
