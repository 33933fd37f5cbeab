import { describe, expect, test } from 'vitest';
import { defineAdapter } from '../../adapters/define-adapter.ts';
import { acme, parse, refuse, sample } from '../config/vendors.ts';

const pushing = defineAdapter({
  ...acme,
  capabilities: { ...acme.capabilities, push: true },
});
const push = 'push: { publicUrl: https://runs.example/base/ }';

async function backendWith(...lines: readonly string[]) {
  const { backends } = await parse(sample({ backend: lines.join('\n') }), { registry: [pushing] });
  return backends[0];
}

describe("the config of a backend's budget", () => {
  test('a backend without a budget in the config is unbounded', async () => {
    expect(await backendWith()).toMatchObject({
      requestsPerSecond: null,
      burst: null,
      maxConcurrentRuns: null,
      push: null,
    });
  });

  test('the budget of a backend is read from the config as it is written', async () => {
    expect(await backendWith('requestsPerSecond: 20', 'burst: 5', 'maxConcurrentRuns: 50', push)).toMatchObject({
      requestsPerSecond: 20,
      burst: 5,
      maxConcurrentRuns: 50,
      push: { publicUrl: 'https://runs.example/base' },
    });
    expect(await backendWith('maxConnections: 9')).toMatchObject({ maxHeldCalls: 4 });
    expect(await backendWith('maxConnections: 9', 'maxHeldCalls: 8')).toMatchObject({ maxHeldCalls: 8 });
    expect(await backendWith('requestsPerSecond: 0.5')).toMatchObject({ requestsPerSecond: 0.5 });
  });

  test('calls that share connections may be held in greater numbers than there are connections', async () => {
    const sharing = defineAdapter({ ...acme, connectionOptionsOf: () => ({ isMultiplexed: true }) });
    const heldOf = async (backend: string) =>
      (await parse(sample({ backend }), { registry: [sharing] })).backends[0]?.maxHeldCalls;
    expect(await heldOf('maxConnections: 9')).toBe(36);
    expect(await heldOf('maxConnections: 2\nmaxHeldCalls: 90')).toBe(90);
  });

  test('a certificate or a key that cannot be read is refused, and not shown', async () => {
    const tls = defineAdapter({ ...acme, connectionOptionsOf: () => ({ tls: { cert: 'hush', key: 'hush' } }) });
    const problems = await refuse(sample({ backend: '' }), { registry: [tls] });
    expect(problems).toMatchObject([{ path: 'backends.main' }]);
    expect(problems[0]?.message).toMatch(/^has a certificate or a key that cannot be read/);
    expect(problems[0]?.message).not.toContain('hush');
  });

  test.each([
    ['a fraction above one', 'requestsPerSecond: 2.5', 'requestsPerSecond', /whole number, or less than 1/],
    ['none at all', 'requestsPerSecond: 0', 'requestsPerSecond', /./],
    ['a burst without a rate', 'burst: 5', 'burst', /needs requestsPerSecond/],
    ['a burst above the rate', 'requestsPerSecond: 4\nburst: 5', 'burst', /at most requestsPerSecond/],
    ['as many held calls as connections', 'maxConnections: 8\nmaxHeldCalls: 8', 'maxHeldCalls', /below maxConnections/],
    ['no run at all', 'maxConcurrentRuns: 0', 'maxConcurrentRuns', /./],
  ])('a budget with %s is refused', async (_name, lines, key, message) => {
    const [problem] = await refuse(sample({ backend: lines }));
    expect(problem).toMatchObject({ path: `backends.main.${key}` });
    expect(problem?.message).toMatch(message);
  });

  test('push is refused for an adapter without it, and for a backend without a secret', async () => {
    expect(await refuse(sample({ backend: push }))).toMatchObject([
      { path: 'backends.main.push', message: 'is not known to the acme adapter' },
    ]);
    const open = defineAdapter({ ...pushing, secretsOf: () => [''] });
    expect(await refuse(sample({ backend: push }), { registry: [open] })).toMatchObject([
      { path: 'backends.main.push', message: 'needs a backend that has a secret' },
    ]);
  });
});
