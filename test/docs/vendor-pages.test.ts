import { expect, test } from 'vitest';
import { z } from 'zod';
import { actOnce, observeRun } from '../../adapters/call-rules.ts';
import { vendorFileSchema } from '../../adapters/http/schema.ts';
import { adapters } from '../../adapters/index.ts';
import { title } from '../../schema/generate/errors-page.ts';
import { listVendors, shippedVendors } from '../../src/config/vendor-files.ts';
import { classifyFault } from '../../src/upstream/fault-rule.ts';
import { casesSchema } from '../../src/vendors/case-schema.ts';
import { readCode, readHead, readSection, readTable } from './markdown.ts';
import { readPage } from './pages.ts';

/** Vendors as the manual calls them. */
const vendors = adapters.map((adapter) => ({
  adapter,
  title: title(adapter.name),
  page: readPage(`docs/vendors/${adapter.name}.md`),
}));

const word = (able: boolean | string): string => (typeof able === 'string' ? able : able ? 'yes' : 'no');
/** What an adapter that does not name a capability has of it. */
const left = (name: string): boolean | string => (name === 'adopt' ? 'none' : false);
const ableOf = ({ capabilities }: (typeof adapters)[number], names: readonly string[]) => {
  expect(names).toEqual(expect.arrayContaining(Object.keys(capabilities)));
  return Object.fromEntries(names.map((name) => [name, word({ ...capabilities }[name as 'push'] ?? left(name))]));
};
/** Vendors whose answer to a start is the end of the run. */
const startsOnly = new Set(['agentcore']);
const firstWord = /^(yes|no|start|find|push|none)\b/;

test('the vendors in the README are the adapters, with their capabilities', () => {
  const section = readSection(readPage('README.md'), 'Vendors');
  const [vendor, start, observe, ...names] = readHead(section, 'vendor');
  expect([vendor, start, observe]).toEqual(['vendor', 'start', 'observe']);
  const rows = readTable(section, 'vendor').map(([title, , , ...cells]) => [
    title,
    Object.fromEntries(names.map((name, at) => [name, firstWord.exec(cells[at] ?? '')?.[0]])),
  ]);
  expect(rows).toEqual(
    vendors.map(({ title, adapter }) => [`[${title}](docs/vendors/${adapter.name}.md)`, ableOf(adapter, names)]),
  );
});

test.each(vendors)('the page of $title has its capabilities, settings and target', (vendor) => {
  const { page, adapter } = vendor;
  const names = readHead(page, 'start');
  const [cells = []] = readTable(page, 'start');
  const row = Object.fromEntries(names.map((name, at) => [name, firstWord.exec(cells[at] ?? '')?.[0]]));
  const able = ableOf(
    adapter,
    names.filter((name) => name !== 'start' && name !== 'observe'),
  );
  // A vendor whose start answers the end has no run to look at.
  expect(row).toEqual({ start: 'yes', observe: startsOnly.has(adapter.name) ? 'no' : 'yes', ...able });
  expect(readCode(page)).toEqual(expect.arrayContaining([...keysOf(adapter.settings), ...keysOf(adapter.target)]));
});

test('the list of vendors links the file of each vendor that ships as one', async () => {
  const rows = readTable(readPage('docs/vendors/README.md'), 'vendor').map(([link]) => link);
  const names = await listVendors(shippedVendors);
  expect(rows).toEqual(names.map((name) => `[\`${name}\`](../../adapters/${name}/adapter.yaml)`));
});

test('the page about vendor files names every member of a case, and every key of a file', () => {
  const page = readPage('docs/vendors/writing-a-vendor-file.md');
  const { given, cases } = casesSchema.shape;
  const step = cases.element.shape.steps.element.shape;
  const members = [given, step.sent, step.out].flatMap((part) => Object.keys(part.unwrap().shape));
  expect(members).toEqual(expect.arrayContaining(['runId', 'query', 'notBefore']));
  const keys = Object.keys(vendorFileSchema.shape);
  const missing = [...members, ...keys].filter((name) => !new RegExp(`(?<![\\w.])${name}\\b`).test(page));
  expect(missing).toEqual([]);
});

test('the faults in the manual mean what the fault rule makes of them', () => {
  const section = readSection(readPage('docs/vendors/writing-an-adapter.md'), 'What rungate does about it');
  const table = readTable(section, 'call');
  const rules = { start: actOnce, observe: observeRun } as const;
  const statuses = table.flatMap(([call, happening = '', meaning]) =>
    [...happening.matchAll(/\b\d{3}\b/g)].map(([status]) => ({
      ...{ call: call as keyof typeof rules, status, meaning },
      isVendors: !happening.includes('of a proxy'),
    })),
  );
  expect(statuses.length).toBeGreaterThan(15);
  expect(statuses.map(({ meaning }) => meaning)).toEqual(
    statuses.map(
      ({ call, status, isVendors }) =>
        `\`${classifyFault(rules[call], { kind: 'http-status', status: Number(status), isVendors })}\``,
    ),
  );
  // One consequence may have several rows, of which rungate makes different things.
  const meanings = ['start', 'observe'].map((call) => [
    ...new Set(table.filter(([each]) => each === call).map((row) => row[2])),
  ]);
  expect(meanings).toEqual([
    ['`retry`', '`rejected`', '`unknown`'],
    ['`retry`', '`gone`'],
  ]);
});

function keysOf(schema: z.ZodType): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
