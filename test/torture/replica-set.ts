import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance } from './chance.ts';
import type { GatewayClient } from './front.ts';
import type { GatewayProcess } from './gateway-process.ts';

const lookEveryMs = 15;

/** All gateways, as their clients see them: addresses of which any may be tried. */
export class ReplicaSet {
  readonly gateways: readonly GatewayProcess[];

  constructor(gateways: readonly GatewayProcess[]) {
    this.gateways = gateways;
  }

  /** A way to one of them, waiting until there is one. Rejects when the signal fires. */
  client(chance: Chance, signal: AbortSignal): Promise<GatewayClient> {
    return this.#pick(() => this.gateways, chance, signal);
  }

  /** As {@link client}, without the gateways that are paused. */
  responsiveClient(chance: Chance, signal: AbortSignal): Promise<GatewayClient> {
    return this.#pick(() => this.gateways.filter(({ isPaused }) => !isPaused), chance, signal);
  }

  /** Starts those that are down. */
  async startAll(): Promise<void> {
    await Promise.all(this.gateways.filter(({ isUp }) => !isUp).map((gateway) => gateway.start()));
  }

  async killAll(): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.kill()));
  }

  /** A metric of all that answer, in all. */
  async sumOf(name: string, label = ''): Promise<number> {
    const clients = this.gateways.filter(({ isPaused }) => !isPaused).flatMap(({ client }) => client ?? []);
    const sums = await Promise.all(clients.map((client) => client.sumOf(name, label).catch(() => 0)));
    return sums.reduce((sum, each) => sum + each, 0);
  }

  get bootsMs(): readonly number[] {
    return this.gateways.flatMap(({ bootsMs }) => bootsMs);
  }

  get diedAlone(): readonly string[] {
    return this.gateways.flatMap(({ diedAlone }) => diedAlone);
  }

  async #pick(from: () => readonly GatewayProcess[], chance: Chance, signal: AbortSignal): Promise<GatewayClient> {
    for (;;) {
      signal.throwIfAborted();
      const clients = from().flatMap(({ client }) => client ?? []);
      if (clients.length > 0) return chance.pick(clients);
      await sleep(lookEveryMs);
    }
  }
}
