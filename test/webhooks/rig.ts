import { expect, vi } from 'vitest';
import type { Run, RunRequest } from '../../src/contract/domain/run.ts';
import type { Delivery } from '../../src/contract/domain/webhook.ts';
import type { WebhookOptions } from '../../src/engine/webhooks/create-dispatcher.ts';
import { encodeRun } from '../../src/protocols/acp-v01/encode.ts';
import { parseExceptions } from '../../src/upstream/ssrf-address.ts';
import { createOutboundClient } from '../../src/upstream/ssrf-client.ts';
import { openRig, type Rig, type RigOptions, tenant } from '../engine/engine-rig.ts';
import { olderSecret, type Received, secret, verify } from './receiver.ts';

export type HookRig = AsyncDisposable & {
  /** A crash makes another one of it. */
  rig: Rig;
  /** Starts a run that asks for a webhook; it is running, and its receiver knows nothing yet. */
  start(webhook: string, request?: RunRequest): Promise<Run>;
  /** The vendor says so of every run, and it is seen. */
  say(answer: { readonly [name: string]: string }): Promise<void>;
  /** What the outbox has of a run, oldest first. */
  owed(run: Run): Promise<readonly Delivery[]>;
  /** Waits until a run's deliveries have this many attempts, oldest first. */
  tried(run: Run, attempts: readonly number[]): Promise<readonly Delivery[]>;
  verify(received: Received, key?: string): unknown;
};

type HookOptions = Partial<Omit<WebhookOptions, 'sender'>> & {
  readonly allow?: readonly string[];
  readonly rig?: RigOptions;
};

/** An engine on virtual time that calls receivers over real HTTP. */
export async function openHooks(options: HookOptions = {}): Promise<HookRig> {
  const { allow = ['127.0.0.1'], timeoutMs = 30_000, rig: rigOptions, ...terms } = options;
  const exceptions = parseExceptions(allow);
  const client = createOutboundClient({ exceptions, connectTimeoutMs: 5000, timeoutMs });
  const rig = await openRig({
    ...rigOptions,
    webhooks: {
      secrets: [secret, olderSecret],
      giveUpMs: 86_400_000,
      timeoutMs,
      sender: client,
      encodeRun: (run) => JSON.stringify(encodeRun(run)),
      ...terms,
    },
  });
  const owed = async (run: Run): Promise<readonly Delivery[]> =>
    (await hooks.rig.store.outbox.list({ runId: run.runId, limit: 100 })).toReversed();
  const hooks: HookRig = {
    rig,
    start: async (webhook, request = { input: {} }) => {
      const run = await hooks.rig.create({ ...request, webhook });
      await hooks.rig.clock.advance(1000);
      return run;
    },
    say: async (answer) => {
      hooks.rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, answer);
      await hooks.rig.clock.advance(20_000);
    },
    owed,
    tried: async (run, attempts) => {
      // The answer comes over a real socket: only its record is waited for.
      await expect.poll(async () => (await owed(run)).map((one) => one.attempts), poll).toEqual(attempts);
      return await owed(run);
    },
    verify: (received, key) => {
      // The library compares the timestamp with the machine's clock.
      vi.useFakeTimers({ toFake: ['Date'], now: hooks.rig.clock.nowMs() });
      try {
        return verify(received, key);
      } finally {
        vi.useRealTimers();
      }
    },
    [Symbol.asyncDispose]: async () => {
      await hooks.rig.close();
      await client.close();
    },
  };
  return hooks;
}

export const poll = { interval: 5, timeout: 20_000 };

export function keyOf(run: Run) {
  return { tenant, runId: run.runId };
}
