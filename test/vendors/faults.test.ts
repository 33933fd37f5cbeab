import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { VendorFault, VendorFile } from '../../adapters/http/schema.ts';
import { listVendors, loadVendor, shippedVendors, vendorFileOf } from '../../src/config/vendor-files.ts';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { checkCases } from '../../src/vendors/vendor-cases.ts';
import {
  answer,
  cutShort,
  hangUp,
  type Reply,
  type Vendor as Site,
  silence,
  startVendor,
} from '../upstream/vendor-server.ts';
import {
  type CasesOfFile,
  observedAnswers,
  readSubject,
  type Subject,
  stepsOf,
  tokenPath,
  VendorRig,
  type VendorStep,
  withOneResult,
  withoutResults,
} from './vendor-rig.ts';

const names = await listVendors(shippedVendors);
/** A file that does not ship. */
const airflow = fileURLToPath(new URL('airflow.yaml', import.meta.url));
const files = [
  ...names.map((name) => ({ name, path: vendorFileOf(shippedVendors, name) })),
  { name: 'airflow', path: airflow },
];
const subjects = await Promise.all(files.map(({ name, path }) => readSubject(name, path)));

/** What a fault means to a call that may act, to an observation, to a cancel and to a request for a result. */
type Meanings = readonly [act: string, observe: string, cancel: string, result: string];
type Row = { readonly fault: string; readonly reply: Reply; readonly means: Meanings; readonly status?: number };

/** A page of a proxy: no row of a file can take it for the vendor's own words. */
const page = '<html><h1>an error page</html>';
/** The call gives no fault, and nothing is to be read. */
const fulfilled = 'fulfilled';
const halfJson = 'a 200 with half a JSON';
const lost: Meanings = ['unknown', 'retry', 'retry', 'retry'];
const busy: Meanings = ['retry after 7000', 'retry after 7000', 'retry after 7000', 'retry after 7000'];

const rows: readonly Row[] = [
  { fault: 'an answer that is cut within its body', reply: cutShort(200), means: lost },
  { fault: 'a connection that is hung up once the request was read', reply: hangUp, means: lost },
  { fault: 'a 429 with Retry-After', reply: answer(429, {}, { 'retry-after': '7' }), means: busy, status: 429 },
  { fault: 'a 503 with Retry-After', reply: answer(503, {}, { 'retry-after': '7' }), means: busy, status: 503 },
  { fault: 'a 503 without Retry-After', reply: answer(503, page), means: lost, status: 503 },
  { fault: 'a 500', reply: answer(500, page), means: lost, status: 500 },
  {
    fault: 'a 401 that repeats the credentials',
    reply: (response, received) => {
      const { host: _, ...headers } = received.headers;
      const { path } = received;
      answer(401, { message: `not with ${path} and ${JSON.stringify(headers)}` })(response, received);
    },
    means: ['rejected', 'retry', 'rejected', 'rejected'],
    status: 401,
  },
  { fault: 'a 404', reply: answer(404, page), means: ['rejected', 'gone', 'gone', 'gone'], status: 404 },
  { fault: halfJson, reply: answer(200, '{"id": "r", ', { 'content-type': 'application/json' }), means: lost },
];

const column = { start: 0, resume: 0, observe: 1, find: 1, cancel: 2, result: 3 } as const;
/** Beyond what a call takes on a busy machine. */
const patienceMs = 20_000;
let site: Site;
let refusing: string;

beforeAll(async () => {
  site = await startVendor();
  const gone = await startVendor();
  refusing = gone.url;
  await gone.stop();
});
afterAll(async () => await site.stop());

/** What the built-in table makes of a fault, unless a row of the file, or a result that is optional, says otherwise. */
function meaningOf({ vendor: { file } }: Subject, step: VendorStep, { fault, means, status }: Row): string {
  const row = file.faults.find(
    (each) => each.on === (step.on === 'find' ? 'observe' : step.on) && each.when === undefined && covers(each, status),
  );
  if (row?.is !== undefined) return row.is === 'retry' && means === busy ? 'retry after 7000' : meaningOfRow(row);
  if (row?.status !== undefined) return meaningOfRow(row);
  if (step.on === 'result' && status === 404 && file.results?.[step.name]?.optional === true) return 'no result';
  // The status alone is the answer to what only has to be taken; what it comes to is seen by the next observation.
  if (fault === halfJson && isTakenByStatus(file, step)) return fulfilled;
  const usual = means[column[step.on]];
  return step.on === 'find' && usual === 'gone' ? 'absent' : usual;
}

function isTakenByStatus({ resume }: VendorFile, { on }: VendorStep): boolean {
  return on === 'cancel' || (on === 'resume' && resume?.id === undefined && resume?.keep === undefined);
}

function meaningOfRow({ is, status }: VendorFault): string {
  if (is === 'done') return fulfilled;
  return is ?? `status ${status}`;
}

function covers({ http }: VendorFault, status: number | undefined): boolean {
  return status !== undefined && (http === undefined || [http].flat().includes(status));
}

/** Makes a call whose last request gets this reply. Gives what came of it, and how many requests got the reply. */
async function provoke(subject: Subject, step: VendorStep, reply: Reply, timeoutMs = patienceMs) {
  const own = await startVendor();
  const tried = step.on === 'result' ? withOneResult(subject, step.name) : withoutResults(subject);
  const rig = new VendorRig(tried, { url: own.url, timeoutMs });
  const first = step.on === 'result' ? await observationOf(subject, step.name, own.url) : undefined;
  let asked = first === undefined ? 0 : -1;
  own.reply = (response, received) => {
    if (received.path === tokenPath) return token(response, received);
    asked += 1;
    return asked === 0 && first !== undefined ? first(response, received) : reply(response, received);
  };
  try {
    return { meaning: await outcomeOf(rig.call(step), rig.secrets), asked };
  } finally {
    await rig.close();
    await own.stop();
  }
}

const token = answer(200, { access_token: 'a-token', expires_in: 3600 });

/** An answer of the cases about a run in a status at which this result is asked for. */
async function observationOf({ vendor: { file }, cases }: Subject, name: string, url: string): Promise<Reply> {
  const status = createExpressionCompiler().compile(file.observe.status, 'status');
  for (const { body = null, headers } of observedAnswers(cases, url)) {
    const word = await status.evaluate({ body, status: 200, headers: headers ?? {} });
    if (file.results?.[name]?.on.includes(String(word)) !== true) continue;
    return answer(200, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
  }
  throw new Error(`no case shows a run whose result ${name} is asked for`);
}

async function outcomeOf(call: Promise<unknown>, secrets: readonly string[]): Promise<string> {
  try {
    const answered = await call;
    if (typeof answered === 'string') return answered;
    const seen = answered as { readonly status?: string; readonly raw?: Json } | undefined;
    if (!isJsonObject(seen?.raw)) return seen?.status === undefined ? fulfilled : `status ${seen.status}`;
    return 'error' in seen.raw ? `status ${seen.status}` : 'no result';
  } catch (error) {
    if (!(error instanceof UpstreamFault)) throw error;
    for (const secret of secrets) expect(error.message).not.toContain(secret);
    expect(error.message).not.toMatch(/127\.0\.0\.1|ECONN|undici|node:/);
    return error.retryAfterMs === null ? error.consequence : `${error.consequence} after ${error.retryAfterMs}`;
  }
}

const title = (step: VendorStep): string => (step.on === 'result' ? `result ${step.name}` : step.on);

const each = subjects.flatMap((subject) => rows.map((row) => ({ ...row, row, subject, name: subject.name })));

test.each(each)('$name: $fault means to each call what the table and the file say', async ({ subject, row }) => {
  const steps = stepsOf(subject.vendor.file);
  const found = await Promise.all(
    steps.map(async (step) => [title(step), await provoke(subject, step, row.reply)] as const),
  );
  const expected = steps.map((step) => {
    return [title(step), { meaning: meaningOf(subject, step, row), asked: 1 }] as const;
  });
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
});

test('a vendor that does not answer in time leaves a call that may act unknown, and any other to be repeated', async () => {
  const row: Row = { fault: 'silence', reply: silence, means: lost };
  const calls = subjects.flatMap((subject) => stepsOf(subject.vendor.file).map((step) => ({ subject, step })));
  const found: [string, unknown][] = [];
  // So many at a time that none of them is late because of the others.
  for (let from = 0; from < calls.length; from += 20) {
    const some = calls.slice(from, from + 20).map(async ({ subject, step }): Promise<[string, unknown]> => {
      return [`${subject.name}: ${title(step)}`, await provoke(subject, step, silence, 800)];
    });
    found.push(...(await Promise.all(some)));
  }
  const expected = calls.map(({ subject, step }) => {
    return [`${subject.name}: ${title(step)}`, { meaning: meaningOf(subject, step, row), asked: 1 }] as const;
  });
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
});

test.each(subjects)(
  '$name: a refused connection, and one that is reset before it was used, may be repeated',
  async (subject) => {
    site.greet = (socket) => socket.resetAndDestroy();
    for (const step of stepsOf(subject.vendor.file).filter(({ on }) => on !== 'result')) {
      for (const url of [refusing, site.url]) {
        const rig = new VendorRig(withoutResults(subject), { url, timeoutMs: patienceMs });
        expect([title(step), await outcomeOf(rig.call(step), rig.secrets)]).toEqual([title(step), 'retry']);
        await rig.close();
      }
    }
    expect(site.received).toEqual([]);
  },
);

const ownRows = subjects.flatMap((subject) =>
  subject.vendor.file.faults.map((row, index) => ({ subject, row, name: subject.name, index })),
);

test('the cases of the file that does not ship hold', async () => {
  const vendor = await loadVendor(airflow);
  expect(await checkCases(vendor, airflow)).toMatchObject({ count: 8, problems: [] });
});

test('vendor files have fault rows', () => {
  expect(ownRows.length).toBeGreaterThanOrEqual(10);
});

test.each(ownRows)('$name: its row $index of faults is what its call comes to', async ({ subject, row }) => {
  const { file } = subject.vendor;
  const steps = stepsOf(file).filter(({ on }) => on === row.on);
  expect(steps).not.toEqual([]);
  for (const step of steps) {
    for (const status of statusesOf(row, file)) {
      const reply = answer(status, await bodyThatMeets(row, status, subject.cases));
      const { meaning, asked } = await provoke(subject, step, reply);
      expect([title(step), status, meaning, asked]).toEqual([title(step), status, meaningOfRow(row), 1]);
    }
  }
});

function statusesOf({ on, http }: VendorFault, file: VendorFile): readonly number[] {
  if (http !== undefined) return [http].flat();
  const refused = on === 'result' ? undefined : file[on]?.refused;
  return [refused === undefined ? 400 : 200];
}

/** A body of the cases that the row's expression holds for, or one made of its comparison. */
async function bodyThatMeets({ when }: VendorFault, status: number, { steps }: CasesOfFile): Promise<Json> {
  if (when === undefined) return page;
  const expression = createExpressionCompiler().compile(when, 'when');
  const answers = steps.flatMap(({ answered, calls = [] }) => [answered, ...calls.map((call) => call.answered)]);
  const bodies = answers.flatMap((each) => (typeof each === 'object' && each.body !== undefined ? [each.body] : []));
  for (const body of [...bodies, ...bodyOfComparison(when)]) {
    if ((await expression.evaluate({ body, status, headers: {} })) === true) return body as Json;
  }
  throw new Error(`no case shows what ${when} holds for`);
}

function bodyOfComparison(when: string): readonly Json[] {
  const [, path, word, number] = /^body\.([\w.]+) = (?:'([^']*)'|(-?\d+))$/.exec(when) ?? [];
  if (path === undefined) return [];
  const value: Json = word ?? Number(number);
  return [path.split('.').reduceRight<Json>((inner, name) => ({ [name]: inner }), value)];
}
