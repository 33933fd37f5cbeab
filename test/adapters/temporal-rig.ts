import { afterEach, beforeEach } from 'vitest';
import { temporal } from '../../adapters/temporal/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { TestFrontend } from './temporal-frontend.ts';

export const apiKey = 'temporal-key-1234567890';
export const runId = '0199f0c0-0000-7000-8000-000000000001';
export const workflowId = `rungate-${runId}`;
export const targetOf = (more: JsonObject = {}) =>
  temporal.target.parse({ workflow: 'Greet', taskQueue: 'q', ...more });
const { signal } = new AbortController();

/** A frontend for each test, and a connection to it over one of the wires. */
export class TemporalRig {
  frontend = new TestFrontend();
  #upstream: Upstream | null = null;
  #connection: Connection | null = null;

  constructor(transport: 'http' | 'grpc') {
    beforeEach(async () => {
      this.frontend = new TestFrontend();
      const urls = await this.frontend.listen();
      const settings = temporal.settings.parse({ transport, namespace: 'orders', apiKey });
      const secrets = temporal.secretsOf(settings);
      this.#upstream = connectUpstream({ ...upstreamOptions, baseUrl: urls[transport], secrets });
      this.#connection = temporal.connect(settings, this.#upstream.client, createExpressionCompiler());
    });
    afterEach(async () => {
      await this.#upstream?.close();
      await this.frontend.close();
    });
  }

  get connection(): Connection {
    return this.#connection ?? never();
  }

  start(target = targetOf(), input: Json = { name: 'Ann' }) {
    return this.connection.start({ target, input, config: {}, runId });
  }

  async started(target = targetOf()): Promise<UpstreamRef> {
    return (await this.start(target)).upstream ?? never();
  }

  observe(ref: UpstreamRef, target = targetOf()) {
    return this.connection.observe(target, ref, signal);
  }

  async attend(ref: UpstreamRef, own: AbortSignal = signal) {
    return await this.connection.attend?.(targetOf(), ref, own);
  }

  get firstRun(): string | undefined {
    return this.frontend.workflows.get(workflowId)?.runs[0]?.runId;
  }
}

export function never(): never {
  throw new Error('not here');
}
