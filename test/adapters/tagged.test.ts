import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { tagged } from '../torture/tagged/adapter.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, startVendor, type Vendor } from '../upstream/vendor-server.ts';
import { faultOf } from './adapter-contract.ts';

// What no shipped adapter does yet: held calls, a search, and starts that answer the run.

let vendor: Vendor;
let upstream: Upstream;
let connection: Connection;
const target = tagged.target.parse({ agent: 'echo', isHeld: true });
const ref = { runId: 'r1' };

beforeEach(async () => {
  vendor = await startVendor();
  upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url, timeoutMs: 300 });
  connection = tagged.connect({}, upstream.client, createExpressionCompiler());
});
afterEach(async () => {
  await vendor.stop();
  await upstream.close();
});

/** Answers after a while, as a vendor does that holds the call. */
function hold(ms: number, status: string): void {
  vendor.reply = (response, received) => {
    setTimeout(() => answer(200, { runId: 'r1', status })(response, received), ms);
  };
}

describe('an adapter whose vendor holds calls', () => {
  test('a call that is held for longer than the time-out of the backend is answered with the end of the run', async () => {
    hold(600, 'completed');
    expect(await connection.attend?.(target, ref)).toMatchObject({ status: 'completed' });
    expect(vendor.received.map(({ path }) => path)).toEqual(['/runs/echo/held-r1']);
  });

  test('a held call that shows nothing new gives null', async () => {
    hold(10, 'running');
    expect(await connection.attend?.(target, ref)).toBeNull();
  });

  test('a look has the time-out of the backend, whatever held calls have', async () => {
    hold(600, 'completed');
    expect(await faultOf(connection.observe(target, ref))).toMatchObject({ kind: 'timeout', consequence: 'retry' });
  });

  test('a held call that is given up is cut, and says that it was', async () => {
    hold(10_000, 'completed');
    const abort = new AbortController();
    const held = faultOf(connection.attend?.(target, ref, abort.signal) ?? Promise.resolve());
    await expect.poll(() => vendor.received.length).toBe(1);
    abort.abort('no longer needed');
    expect(await held).toMatchObject({ kind: 'aborted' });
    await expect.poll(() => vendor.connections.size).toBe(0);
  });

  test('a start gives what its answer shows of the run', async () => {
    vendor.reply = answer(200, { runId: 'r1', status: 'completed', output: 7 });
    expect(await connection.start({ target, input: 1, config: {}, runId: 'tag-1' })).toEqual({
      upstream: ref,
      observation: { status: 'completed', raw: { runId: 'r1', status: 'completed', output: 7 } },
    });
    expect(JSON.parse(vendor.received[0]?.body ?? '')).toEqual({ tag: 'tag-1', input: 1 });
  });

  test.each([
    [['r1'], { runId: 'r1' }],
    [[], 'absent'],
    [['r1', 'r2'], 'unclear'],
  ] as const)('a search that finds the runs %j gives %j', async (runs, found) => {
    vendor.reply = answer(200, { runs: [...runs] });
    const request = { target, config: {}, runId: 'tag-1', sentAtMs: 0 };
    expect(await connection.adoption?.find?.(request)).toEqual(found);
    expect(vendor.received[0]?.path).toBe('/tags/tag-1');
  });
});
