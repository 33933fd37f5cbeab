import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { runPhases, runStatuses } from '../../src/contract/domain/run.ts';
import { waitingCauses } from '../../src/contract/domain/waiting.ts';
import { createAcpV01 } from '../../src/protocols/acp-v01/protocol.ts';
import { sampleConfig } from '../../src/sandbox/sample-config.ts';
import { createProtocols } from '../protocols/protocol-sites.ts';
import { readCode, readSection, readTable } from './markdown.ts';
import { listFiles, pages, readPage, root } from './pages.ts';

test('the page on limits has every word for what a run waits for', () => {
  const table = readTable(readSection(readPage('docs/operate/limits.md'), 'What a run waits for'), 'word');
  expect(table.map(([word = '']) => readCode(word)[0])).toEqual([...waitingCauses]);
});

test('the README is shorter than 120 lines', () => {
  expect(readPage('README.md').split('\n').length).toBeLessThan(120);
});

test('the phases in the concepts are those of a run, with every status', () => {
  const table = readTable(readSection(readPage('docs/concepts.md'), 'Statuses and phases'), 'phase');
  expect(table.map(([phase]) => phase)).toEqual(runPhases.map((phase) => `\`${phase}\``));
  const statuses = new Set(table.flatMap(([, status = '']) => readCode(status)));
  expect([...statuses].toSorted()).toEqual([...runStatuses].toSorted());
});

test('the phases that recovery may find are those of a run that is not done', () => {
  const page = readPage('docs/operate/drain-and-recovery.md');
  const found = readTable(page, 'phase found').map(([phase]) => phase);
  expect(found).toEqual(runPhases.filter((phase) => phase !== 'done').map((phase) => `\`${phase}\``));
});

test('the operations that the page of ACP 0.1 explains are those that are served', () => {
  const { operations } = createAcpV01({ maxBlockSeconds: 1, unknownFields: 'reject' });
  const served = operations.map(({ method, path }) => `\`${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}\``);
  const section = readSection(readPage('docs/protocols/acp-0.1.md'), 'What the operations do');
  const table = readTable(section, 'operation').map(([operation = '']) => operation);
  expect(table.toSorted()).toEqual(served.toSorted());
});

test.each(['README.md', 'docs/protocols/README.md'])('the protocols in %s are those that are mounted', (page) => {
  const table = readTable(readPage(page), 'protocol').filter(([, prefix]) => prefix?.startsWith('`/'));
  expect(table.map(([, prefix, version]) => [prefix, version])).toEqual(
    createProtocols().map(({ prefix, about }) => [`\`${prefix}\``, about.version]),
  );
});

test('the sample agents in the quickstart are those of the sandbox', () => {
  const agents = [
    ...sampleConfig({ intunedUrl: '', restackUrl: '', vendorsUrl: '' }).matchAll(/^ {2}- name: (\S+)$/gm),
  ].map(([, name]) => `\`${name}\``);
  expect(agents.length).toBeGreaterThan(10);
  expect(readTable(readPage('docs/quickstart.md'), 'agent').map(([name]) => name)).toEqual(agents);
});

test('the newest version in the changelog is that of the package', () => {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(readPage('package.json')));
  const [newest] = [...readPage('CHANGELOG.md').matchAll(/^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$/gm)];
  expect(newest?.[1]).toBe(version);
});

test('the npm scripts in CONTRIBUTING are those of package.json, and what they run exists', () => {
  const scripts = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readPage('package.json'))).scripts;
  const table = readTable(readSection(readPage('CONTRIBUTING.md'), 'Commands'), 'command');
  const listed = table.map(([command = '']) => command.replaceAll('`', '').replace(/^npm (run )?/, ''));
  expect(listed.toSorted()).toEqual(Object.keys(scripts).filter(isForPeople).toSorted());
  const named = pages
    .filter((page) => page !== 'CHANGELOG.md' && !page.startsWith('docs/decisions/'))
    .flatMap((page) => [...readPage(page).matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? ''));
  expect([...new Set(named)].filter((name) => scripts[name] === undefined)).toEqual([]);
  const files = Object.values(scripts).flatMap((script) =>
    [...script.matchAll(/\bnode (?:--[\w=-]+ )*(\S+\.[mc]?[jt]s)\b/g)].map(([, file]) => file),
  );
  expect(files.filter((file) => !existsSync(join(root, file ?? '')))).toEqual([]);
});

/** npm runs the others by itself. */
function isForPeople(script: string): boolean {
  return !/^(pre|post)|^prepare$/.test(script);
}

test('the rooms in the architecture page are the folders of src and of the engine', () => {
  const table = readTable(readSection(readPage('docs/architecture.md'), 'Rooms'), 'room');
  const named = table.flatMap(([room = '']) => readCode(room));
  const foldersOf = (path: string) =>
    readdirSync(join(root, path), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${path}/${name}`);
  const folders = [...foldersOf('src').filter((path) => path !== 'src/engine'), ...foldersOf('src/engine')];
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  expect(folders.filter((path) => !named.includes(path))).toEqual([]);
});

test('the log lines in the troubleshooting page are those of the source', () => {
  const section = readSection(readPage('docs/operate/troubleshooting.md'), 'Log lines that matter');
  const sources = listFiles('src', /\.ts$/).map(readPage).join('\n');
  const messages = readTable(section, 'message').map(([message = '', level]) => ({
    text: readCode(message)[0],
    level,
  }));
  expect(messages.length).toBeGreaterThan(8);
  expect(messages.filter(({ text }) => !sources.includes(`'${text}'`))).toEqual([]);
});

test('every config key that a page names is on the page of the config', () => {
  const keys = new Set(readTableKeys());
  const sections = new Set([...keys].map((key) => key.split('.', 1)[0]));
  const named = pages
    .filter((page) => !/^docs\/decisions\/|^CHANGELOG/.test(page))
    .flatMap((page) => readCode(readPage(page)).map((code) => ({ page, code })))
    .filter(({ code }) => /^[a-z]+(\.\w+)+$/i.test(code) && sections.has(code.split('.', 1)[0] ?? ''));
  expect(named.length).toBeGreaterThan(40);
  const unknown = named.filter(({ code }) => ![...keys].some((key) => key === code || key.startsWith(`${code}.`)));
  expect(unknown).toEqual([]);
});

/** Paths of keys, as docs/config.md lists them. */
function readTableKeys(): readonly string[] {
  const rows = readPage('docs/config.md').matchAll(/^\| `([\w.[\]]+)`/gm);
  return [...rows].map(([, key = '']) => key.replaceAll('[]', ''));
}
