import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { actOnce, observeRun } from '../../adapters/call-rules.ts';
import { adapters } from '../../adapters/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import { runPhases, runStatuses } from '../../src/contract/domain/run.ts';
import { createAcpV01 } from '../../src/protocols/acp-v01/protocol.ts';
import { judge } from '../../src/upstream/fault-rule.ts';
import { readBlocks, readCode, readHead, readSection, readTable } from './markdown.ts';

const root = resolve(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

const mappingSchema = z.object({
  status: z.record(z.string(), z.union([z.string(), z.array(z.object({ is: z.string() }))])),
});

/** Vendors as the README calls them, in its order. */
const vendors = adapters.map((adapter) => ({
  adapter,
  title: `${adapter.name.slice(0, 1).toUpperCase()}${adapter.name.slice(1)}`,
  mapping: mappingSchema.parse(parseYaml(readFileSync(join(root, `mappings/${adapter.name}.yaml`), 'utf8'))),
}));

describe('README.md', () => {
  test('its example config is taken', async () => {
    const [example] = readBlocks(readSection(readme, 'Configuration'), 'yaml');
    const env = { INTUNED_WORKSPACE_ID: 'workspace', INTUNED_API_KEY: 'key' };
    const config = await parseConfig(example ?? '', { file: join(root, 'README.md'), env, registry: adapters });
    expect(config.backends.map(({ adapter }) => adapter.name)).toEqual(adapters.map(({ name }) => name));
    expect(config.agents.length).toBeGreaterThan(1);
  });

  test('its statuses are those of the mappings', () => {
    const table = readTable(readSection(readme, 'Statuses and errcodes'), 'vendor');
    const told = table.map(([vendor, word = '', meaning = '']) => [
      vendor,
      readCode(word)[0],
      readCode(meaning).filter((each) => (runStatuses as readonly string[]).includes(each)),
    ]);
    expect(told).toEqual(
      vendors.flatMap(({ title, mapping }) =>
        Object.entries(mapping.status).map(([word, row]) => [
          title,
          word,
          typeof row === 'string' ? [row] : row.map(({ is }) => is),
        ]),
      ),
    );
  });

  test('its phases are those of a run', () => {
    const table = readTable(readSection(readme, 'Why'), 'phase');
    expect(table.map(([phase]) => phase)).toEqual(runPhases.map((phase) => `\`${phase}\``));
    const statuses = new Set(table.flatMap(([, status = '']) => readCode(status)));
    expect([...statuses].toSorted()).toEqual([...runStatuses].toSorted());
  });

  test('its operations are those of ACP 0.1', () => {
    const { operations } = createAcpV01({ maxBlockSeconds: 1, unknownFields: 'reject' });
    const served = operations.map(({ method, path }) => `\`${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}\``);
    const table = readTable(readSection(readme, 'Operations'), 'operation').map(([operation = '']) => operation);
    expect(table.toSorted()).toEqual(served.toSorted());
  });

  test('its capabilities, settings and targets are those of the adapters', () => {
    const section = readSection(readme, 'The two vendors');
    const [vendor, start, observe, ...names] = readHead(section, 'vendor');
    expect([vendor, start, observe]).toEqual(['vendor', 'start', 'observe']);
    const told = readTable(section, 'vendor').map(([title, , , ...cells]) => [
      title,
      Object.fromEntries(names.map((name, at) => [name, /^(yes|no)\b/.exec(cells[at] ?? '')?.[0]])),
    ]);
    const word = (able: boolean) => (able ? 'yes' : 'no');
    expect(told).toEqual(
      vendors.map(({ title, adapter: { capabilities } }) => [
        title,
        Object.fromEntries(Object.entries(capabilities).map(([name, able]) => [name, word(able)])),
      ]),
    );
    for (const { title, adapter } of vendors) {
      const named = readCode(readSection(readme, title));
      expect(named, title).toEqual(expect.arrayContaining([...keysOf(adapter.settings), ...keysOf(adapter.target)]));
    }
  });

  test('its faults mean what the fault rule makes of them', () => {
    const table = readTable(readSection(readme, 'When a vendor fails'), 'call');
    const told = table.flatMap(([operation, happening = '', meaning]) =>
      [...happening.matchAll(/\b\d{3}\b/g)].map(([status]) => `${operation} ${status} ${meaning}`),
    );
    const judged = table.flatMap(([operation, happening = '']) =>
      [...happening.matchAll(/\b\d{3}\b/g)].map(([status]) => {
        const consequence = judge(operation === 'start' ? actOnce : observeRun, {
          kind: 'http-status',
          status: Number(status),
        });
        return `${operation} ${status} \`${consequence}\``;
      }),
    );
    expect(told).toEqual(judged);
    expect(told.length).toBeGreaterThan(15);
    const meanings = ['start', 'observe'].map((call) => table.filter(([each]) => each === call).map((row) => row[2]));
    expect(meanings).toEqual([
      ['`retry`', '`rejected`', '`unknown`'],
      ['`retry`', '`gone`'],
    ]);
  });

  test('its npm scripts are those of package.json, and what they run is there', () => {
    const scripts = z
      .object({ scripts: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).scripts;
    const named = [...readme.matchAll(/npm (?:run ([\w:]+)|(start|test)\b)/g)].map((match) => match[1] ?? match[2]);
    expect([...new Set(named)].toSorted()).toEqual(Object.keys(scripts).toSorted());
    const files = Object.values(scripts).flatMap((script) =>
      [...script.matchAll(/\bnode (\S+)/g)].map(([, file]) => file),
    );
    expect(files.filter((file) => !existsSync(join(root, file ?? '')))).toEqual([]);
  });

  test('its links lead to files', () => {
    const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([]);
  });
});

function keysOf(schema: z.ZodType): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
