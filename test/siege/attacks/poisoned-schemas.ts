import { gzipSync } from 'node:zlib';
import type { Json, JsonObject } from '../../../src/contract/domain/json.ts';
import { inLanes, repeat, type Site } from '../site.ts';

const maxBodyBytes = 1024 * 1024;
/** Rounds send some 8 MiB each, and what is accepted is stored. */
const maxRounds = 4;

/** Each level doubles the work of a check that follows both branches. */
const twofold: JsonObject = {
  anyOf: [
    { allOf: [{ properties: { a: { $ref: '#' } } }, { required: ['never'] }] },
    { properties: { a: { $ref: '#' } } },
  ],
};

const schemas: Readonly<Record<string, JsonObject>> = {
  unique: { properties: { l: { type: 'array', uniqueItems: true } } },
  pattern: { properties: { s: { type: 'string', pattern: '^(a+)+$' } } },
  keys: { patternProperties: { '^(x+x+)+y$': { type: 'number' } }, propertyNames: { pattern: '^([a-z]+)*$' } },
  email: { properties: { s: { type: 'string', format: 'email' } } },
  uri: { properties: { s: { type: 'string', format: 'uri' } } },
  hostname: { properties: { s: { type: 'string', format: 'hostname' } } },
  twofold,
  exact: { properties: { l: { items: { multipleOf: 0.01 }, uniqueItems: true } } },
  contains: { properties: { l: { contains: { type: 'string', pattern: '^(a|a)*b$' } } } },
  choices: { properties: { l: { items: { anyOf: Array.from({ length: 30 }, (_, n) => ({ const: `word ${n}` })) } } } },
  enumerated: { properties: { l: { items: { enum: Array.from({ length: 2000 }, (_, n) => ({ n })) } } } },
  unevaluated: { allOf: [{ properties: { a: true } }], unevaluatedProperties: false },
};

/** An agent for each schema that costs, one whose config is checked, and one that takes anything. */
export const schemaAgents: readonly JsonObject[] = [
  ...Object.entries(schemas).map(([name, input]) => ({
    name: `schema-${name}`,
    backend: 'calm',
    target: { project: 'attack', api: 'quick' },
    schemas: { input },
  })),
  {
    name: 'schema-config',
    backend: 'calm',
    target: { project: 'attack', api: 'quick' },
    schemas: { config: { properties: { s: { type: 'string', pattern: '^(a+)+$' } } } },
  },
];

type Case = {
  readonly name: string;
  readonly agent: string;
  /** A text is the body as it is; anything else is the `input` of a run. */
  readonly body: string | Buffer | { readonly input: Json } | { readonly config: Json } | { readonly metadata: Json };
  readonly statuses: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
};

const list = <T>(length: number, each: (n: number) => T): T[] => Array.from({ length }, (_, n) => each(n));
const nested = (depth: number): Json => list(depth, () => 0).reduce<Json>((below) => ({ a: below }), 1);
const almost = (length: number): string => `${'a'.repeat(length)}!`;

/** A body of exactly this many bytes. */
function padded(bytes: number): string {
  const [head, tail] = ['{"agent_id":"quick","input":{"s":"', '"}}'];
  return `${head}${'x'.repeat(bytes - head.length - tail.length)}${tail}`;
}

function quick(input: string): string {
  return `{"agent_id":"quick","input":{"l":${input}}}`;
}

function makeCases(): readonly Case[] {
  const input = (name: string, agent: string, value: Json, ...statuses: number[]): Case => ({
    name,
    agent: `schema-${agent}`,
    body: { input: value },
    statuses,
  });
  const raw = (name: string, body: string | Buffer, ...statuses: number[]): Case => ({
    name,
    agent: '',
    body,
    statuses,
  });
  return [
    input('40,000 different lists', 'unique', { l: list(40_000, (n) => [n]) }, 200),
    input('40,000 different objects', 'unique', { l: list(40_000, (n) => ({ n })) }, 200),
    input('40,000 lists, two of them equal', 'unique', { l: [...list(40_000, (n) => [n]), [0]] }, 422),
    input('32 letters for (a+)+', 'pattern', { s: almost(32) }, 422),
    input('900,000 letters for (a+)+', 'pattern', { s: almost(900_000) }, 422),
    input('a key for (x+x+)+y', 'keys', { ['x'.repeat(40)]: 'no number' }, 200),
    input('a key for ([a-z]+)*', 'keys', { [`${'x'.repeat(40)}-`]: 1 }, 422),
    input('50,000 keys', 'keys', Object.fromEntries(list(50_000, (n) => [`k${n}`, n])), 422),
    input('a long e-mail address', 'email', { s: `${'a.'.repeat(400_000)}@` }, 422),
    input('a long URI', 'uri', { s: `http://${'a:'.repeat(400_000)}` }, 200, 422),
    input('a long host name', 'hostname', { s: `${'a-'.repeat(400_000)}` }, 422),
    input('both branches, 60 deep', 'twofold', nested(60), 422),
    input('100,000 strings for (a|a)*b', 'contains', { l: list(60_000, () => 'aaaaaaaaaa') }, 422),
    input('60,000 strings for 30 words', 'choices', { l: list(60_000, () => 'word 30') }, 422),
    input('60,000 objects for 2,000', 'enumerated', { l: list(60_000, () => ({ n: 1999 })) }, 200),
    input('60,000 members more', 'unevaluated', Object.fromEntries(list(60_000, (n) => [`k${n}`, n])), 422),
    { name: 'a config for (a+)+', agent: 'schema-config', body: { config: { s: almost(50_000) } }, statuses: [422] },
    { name: 'metadata of 100 KB', agent: 'quick', body: { metadata: { s: almost(100_000) } }, statuses: [422] },
    raw('200,000 brackets', '['.repeat(200_000), 422),
    raw('lists, 101 deep', quick('['.repeat(101) + ']'.repeat(101)), 422),
    raw('80,000 empty lists', quick(`[${'[],'.repeat(80_000)}[]]`), 200),
    raw('60,000 equal keys', quick(`{${'"a":1,'.repeat(60_000)}"a":2}`), 200),
    raw('__proto__', quick('{"__proto__":{"a":1}}'), 422),
    raw('a number of 400,000 digits', quick('1'.repeat(400_000)), 200, 422),
    raw('a number with an exponent of 400,000 digits', quick(`1e${'9'.repeat(400_000)}`), 200, 422),
    raw('40,000 numbers beyond doubles', quick(`[${'12345678901234567890.12,'.repeat(40_000)}1]`), 200, 422),
    {
      ...raw('30,000 multiples of 0.01', '', 200, 422),
      body: `{"agent_id":"schema-exact","input":{"l":[${list(30_000, (n) => `9007199254740993${n}.01`)}]}}`,
    },
    raw('150,000 escapes', quick(`"${'\\u0041'.repeat(150_000)}"`), 200),
    raw('the largest body', padded(maxBodyBytes), 200),
    raw('a byte more', padded(maxBodyBytes + 1), 413),
    {
      ...raw('64 MiB of zeros in 64 KiB', gzipSync(Buffer.alloc(64 * 1024 * 1024)), 413),
      headers: { 'content-encoding': 'gzip' },
    },
    { ...raw('Latin-1 that says it is UTF-8', Buffer.from(quick('"Jos\xe9"'), 'latin1')), statuses: [400, 415, 422] },
  ];
}

/** A1: every check is answered as it should be, and the answers come. */
export async function checkPoison(site: Site): Promise<void> {
  const cases = makeCases().map((each) => ({ ...each, body: bodyOf(each) }));
  await repeat(site, async (round) => {
    if (round >= maxRounds) return await pause(site);
    await inLanes(3, cases, async ({ name, body, statuses, headers }) => {
      const answer = await site.call('POST', '/runs', { body, ...(headers === undefined ? {} : { headers }) });
      if (answer === null) return;
      if (!statuses.includes(answer.status)) {
        site.fault(`${name}: ${answer.status} in place of ${statuses.join(' or ')}: ${answer.text.slice(0, 150)}`);
      }
    });
    await resumePoison(site);
  });
}

async function pause(site: Site): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, site.untilMs - performance.now())));
}

function bodyOf({ agent, body }: Case): string | Buffer {
  return typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify({ agent_id: agent, ...body });
}

/** A payload that the schema of an interrupt refuses, and then one that it takes. */
async function resumePoison(site: Site): Promise<void> {
  const id = await site.create('asker', { n: 'asked' });
  if (id === null) return;
  const asked = await site.outcome(id);
  if (asked === null || !asked.includes('"interrupt"')) return site.fault(`no interrupt: ${asked?.slice(0, 200)}`);
  for (const [s, status] of [
    [almost(500_000), 422],
    ['aaa', 200],
  ] as const) {
    const answer = await site.call('POST', `/runs/${id}`, { body: { s } });
    if (answer?.status !== status) site.fault(`a resume payload: ${answer?.status} in place of ${status}`);
  }
  const ended = await site.outcome(id);
  if (ended !== null && !ended.includes('"success"')) site.fault(`a resumed run: ${ended.slice(0, 200)}`);
}
