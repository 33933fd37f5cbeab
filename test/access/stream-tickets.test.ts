import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { createKeyRing, hashKey } from '../../src/access/key-ring.ts';
import { noLimits } from '../../src/access/principals.ts';
import { StreamTickets } from '../../src/access/stream-tickets.ts';
import type { AuthConfig } from '../../src/contract/domain/auth.ts';
import { StorageFault } from '../../src/contract/store/store.ts';
import { HeldTickets } from '../http/held-tickets.ts';

const path = '/runs/0193b3a0-6b7c-7d2e-8f00-1234567890ab/stream';
const keys = ['shop', 'ops'].map((name) => ({
  ...{ name, tenant: 'acme', agents: name === 'shop' ? ['echo'] : null, limits: noLimits },
  sha256: hashKey(`key of ${name}`),
}));
const jwt = {
  ...{ issuer: 'https://id.example', audience: 'rungate', jwksUrl: 'https://id.example/keys' },
  ...{ tenantClaim: 'tenant', agentsClaim: null, limits: noLimits },
};
const auth: AuthConfig = { keys, jwt: null };
const minuteMs = 60_000;
const hourMs = 3_600_000;

function open(changes: { readonly auth?: AuthConfig | 'none' | null } = {}) {
  const store = new HeldTickets();
  const clock = { nowMs: 1_800_000_000_000 };
  const using = (of: AuthConfig | 'none' | null) => new StreamTickets({ store, auth: of, nowMs: () => clock.nowMs });
  const holder = createKeyRing(keys)('key of shop');
  if (holder === null) throw new Error('no such key');
  return { store, clock, using, holder, tickets: using(changes.auth === undefined ? auth : changes.auth) };
}

test('a ticket stands for the key that it was issued for, with its tenant and agents', async () => {
  const { tickets, holder } = open();
  const { ticket } = await tickets.issue(holder, path);
  const { principal } = await tickets.open(ticket, path);
  expect(principal).toEqual(holder);
  expect([principal.tenant, principal.agents]).toEqual(['acme', new Set(['echo'])]);
  expect(ticket).not.toContain(hashKey('key of shop'));
});

test.each([
  ['after 59 seconds', [59_000], true],
  ['after a minute', [minuteMs], false],
  ['after an hour, and never before', [hourMs], false],
  ['again after 59 minutes', [0, 59 * minuteMs], true],
  ['again after an hour', [0, hourMs], false],
  ['again and again, each within the hour', [0, 50 * minuteMs, 50 * minuteMs, 50 * minuteMs], true],
  ['again after 24 hours, although it was always open', [0, ...Array.from({ length: 25 }, () => 59 * minuteMs)], false],
])('a ticket that is opened %s is taken or refused', async (_when, waitsMs, isTaken) => {
  const { tickets, clock, holder } = open();
  const { ticket, openBeforeMs } = await tickets.issue(holder, path);
  expect(openBeforeMs).toBe(clock.nowMs + minuteMs);
  const outcomes: boolean[] = [];
  for (const waitMs of waitsMs) {
    clock.nowMs += waitMs;
    outcomes.push(
      await tickets.open(ticket, path).then(
        () => true,
        () => false,
      ),
    );
  }
  expect(outcomes.at(-1)).toBe(isTaken);
});

test('a stream that was open for hours may be reopened within an hour after it was closed', async () => {
  const { tickets, clock, holder } = open();
  const { ticket } = await tickets.issue(holder, path);
  const { close } = await tickets.open(ticket, path);
  clock.nowMs += 5 * hourMs;
  close();
  clock.nowMs += 59 * minuteMs;
  await expect(tickets.open(ticket, path)).resolves.toBeDefined();
});

test.each<readonly [string, AuthConfig | 'none' | null]>([
  ['the key was removed', { keys: keys.slice(1), jwt: null }],
  [
    'the key was replaced under its name',
    { keys: keys.map((key) => ({ ...key, sha256: hashKey(`new ${key.name}`) })), jwt: null },
  ],
  ['the key moved to another tenant', { keys: keys.map((key) => ({ ...key, tenant: 'other' })), jwt: null }],
  ['all keys were removed', { keys: [], jwt }],
  ['auth was removed', null],
  ['auth became none', 'none'],
])('a ticket is refused once %s, open or not', async (_what, changed) => {
  const { tickets, using, holder } = open();
  const { ticket } = await tickets.issue(holder, path);
  await tickets.open(ticket, path);
  await expect(using(changed).open(ticket, path)).rejects.toMatchObject({ code: 'unauthorized' });
});

test('a ticket has the agents that its key has now', async () => {
  const { tickets, using, holder } = open();
  const { ticket } = await tickets.issue(holder, path);
  const narrowed = using({ keys: keys.map((key) => ({ ...key, agents: ['other'] })), jwt: null });
  expect((await narrowed.open(ticket, path)).principal.agents).toEqual(new Set(['other']));
});

test('a ticket for a token ends with the token, and with its issuer', async () => {
  const { clock, using } = open();
  const credential = { kind: 'token', audience: '', expiresAtMs: clock.nowMs + 30_000 } as const;
  const byToken = using({ keys: [], jwt });
  const issued = async (audience: string) => {
    const holder = { tenant: 'acme', name: 'ann', agents: new Set(['echo']), limits: noLimits };
    return (await byToken.issue({ ...holder, credential: { ...credential, audience } }, path)).ticket;
  };
  const { audienceOf } = await import('../../src/access/jwt.ts');
  const ticket = await issued(audienceOf(jwt));
  expect((await byToken.open(ticket, path)).principal).toMatchObject({
    ...{ tenant: 'acme', name: 'ann', agents: new Set(['echo']) },
  });
  await expect(byToken.open(await issued('another'), path)).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(using({ keys, jwt: null }).open(ticket, path)).rejects.toMatchObject({ code: 'unauthorized' });
  const elsewhere = using({ keys: [], jwt: { ...jwt, issuer: 'https://other.example' } });
  await expect(elsewhere.open(ticket, path)).rejects.toMatchObject({ code: 'unauthorized' });
  clock.nowMs += 30_000;
  await expect(byToken.open(ticket, path)).rejects.toMatchObject({ code: 'unauthorized' });
});

const forgeries: readonly (readonly [string, (ticket: string) => string])[] = [
  ['nothing', () => ''],
  ['a text', () => 'ticket'],
  ['another signature', (ticket) => `${ticket.slice(0, -2)}${ticket.endsWith('AA') ? 'BB' : 'AA'}`],
  ['no signature', (ticket) => `${ticket.split('.')[0]}.`],
  ['a payload of one character less', (ticket) => ticket.slice(1)],
  ['three parts', (ticket) => `${ticket}.a`],
  [
    'a signature with a known secret',
    (ticket) => {
      const payload = ticket.split('.')[0] ?? '';
      return `${payload}.${createHmac('sha256', Buffer.alloc(32)).update(payload).digest('base64url')}`;
    },
  ],
  [
    'another path in it',
    (ticket) => {
      const [payload = '', signature] = ticket.split('.');
      const changed = Buffer.from(payload, 'base64url').toString().replace('0193b3a0', '0193b3a1');
      return `${Buffer.from(changed).toString('base64url')}.${signature}`;
    },
  ],
  ['a very long text', () => `${'a'.repeat(100_000)}.${'a'.repeat(43)}`],
];
test.each(forgeries)('%s is not taken for a ticket', async (_what, forge) => {
  const { tickets, holder } = open();
  const { ticket } = await tickets.issue(holder, path);
  await expect(tickets.open(forge(ticket), path)).rejects.toMatchObject({ code: 'unauthorized' });
});

test.each([`/acp/v0.2${path}`, path.toUpperCase(), `${path}/`, '/runs', path.replace('0193b3a0', '0193b3a1')])(
  'a ticket does not open %s',
  async (other) => {
    const { tickets, holder } = open();
    const { ticket } = await tickets.issue(holder, path);
    await expect(tickets.open(ticket, other)).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(tickets.open(ticket, path)).resolves.toBeDefined();
  },
);

test('a store that is away is said to be, and tickets work again when it is back', async () => {
  const { tickets, store, holder } = open();
  store.failure = new StorageFault('away');
  await expect(tickets.issue(holder, path)).rejects.toMatchObject({ code: 'storage_unavailable' });
  store.failure = null;
  const { ticket } = await tickets.issue(holder, path);
  store.failure = new StorageFault('away');
  await expect(tickets.open(ticket, path)).rejects.toMatchObject({ code: 'storage_unavailable' });
  store.failure = null;
  await expect(tickets.open(ticket, path)).resolves.toBeDefined();
});
