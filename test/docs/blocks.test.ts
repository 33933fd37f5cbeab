import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { adapters } from '../../adapters/index.ts';
import { formatProblems } from '../../src/config/config-error.ts';
import { parseConfig } from '../../src/config/load.ts';
import { parseVendor } from '../../src/config/vendor-files.ts';
import { compileMapping } from '../../src/mapping/compile.ts';
import { runCases } from '../../src/vendors/vendor-cases.ts';
import { compileCache, RungateProcess } from '../gateway/process.ts';
import { type Block, blocks, findMissing, nameOf, parseBlocks, promisedOutput } from './markdown-blocks.ts';
import { parseMermaid } from './mermaid.ts';
import { root } from './pages.ts';

const run = promisify(execFile);
const main = join(root, 'src/main.ts');
const sandboxUrl = 'http://127.0.0.1:8080';

/** Blocks that no test can run, with the reason in their info string. A new one needs a line here. */
const notRun = [
  'CONTRIBUTING.md: clones and installs',
  'README.md: starts what the following blocks talk to',
  'docs/operate/backup.md: needs a PostgreSQL server',
  'docs/operate/command-line.md: runs until Ctrl-C',
  'docs/operate/deploy.md: builds an image, which the packaging tests do',
  'docs/operate/deploy.md: installs a package and serves until it is stopped',
  'docs/operate/deploy.md: needs a file from an earlier version',
  'docs/operate/reload.md: sends a signal to a process',
  'docs/operate/webhooks.md: needs a config with a store; examples/webhooks runs both commands',
  "docs/protocols/a2a.md: is a config of LiteLLM's proxy",
  'docs/protocols/a2a.md: is a part of the kit',
  'docs/protocols/intuned.md: shows what changes in a client',
  'docs/protocols/intuned.md: shows what changes in a client',
  'docs/protocols/langgraph.md: shows what changes in a client',
  'docs/protocols/mcp.md: runs a package from a registry',
  'docs/quickstart.md: needs accounts at both vendors',
  'docs/quickstart.md: starts what the following blocks talk to',
  'docs/vendors/peers.md: installs servers from package registries',
  'docs/vendors/writing-a-vendor-file.md: names a file that is not there',
  'examples/postgres-compose/README.md: needs Docker',
  'examples/postgres-compose/README.md: needs a PostgreSQL server; test/docs/examples.test.ts runs it on an embedded one',
  'test/clients/README.md: installs a client from a package registry',
  'test/clients/README.md: installs a client from a package registry',
  'test/clients/README.md: installs a client from a package registry',
];

function runnable(language: string): readonly { readonly name: string; readonly block: Block }[] {
  return blocks
    .filter((block) => block.language === language && block.attributes['no-run'] === undefined)
    .map((block) => ({ name: nameOf(block), block }));
}

test('every fenced block has a language that a test runs, and the blocks that cannot run are listed', () => {
  const languages = new Set(blocks.map(({ language }) => language));
  expect(
    [...languages].filter((language) => !['sh', 'yaml', 'ts', 'js', 'mermaid', 'text', 'json'].includes(language)),
  ).toEqual([]);
  const skipped = blocks.flatMap(({ page, attributes }) =>
    attributes['no-run'] === undefined ? [] : [`${page}: ${attributes['no-run']}`],
  );
  expect(skipped.toSorted()).toEqual(notRun);
});

test.each(runnable('yaml'))('the YAML at $name is a valid config or a valid part of one', async ({ block }) => {
  const { wrap = 'config' } = block.attributes;
  const [kind, vendor] = wrap.split(' of ');
  if (kind === 'mapping') {
    const mapping: unknown = parseYaml(block.text);
    expect(compileMapping([{ source: nameOf(block), mapping }])).toMatchObject({ kind: 'compiled' });
    return;
  }
  if (kind === 'vendor' || kind === 'vendor-part' || kind === 'cases') {
    await checkVendorBlock(kind, block);
    return;
  }
  const text = complete(block.text, kind ?? '', vendor);
  const names = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name);
  const env = Object.fromEntries(names.map((name) => [name, sampleOf(name)]));
  const config = await parseConfig(text, { file: join(root, 'page.yaml'), env, registry: adapters });
  expect(config.agents.length).toBeGreaterThan(0);
});

/** A vendor file, keys in place of its own, or cases that it passes. */
async function checkVendorBlock(kind: 'vendor' | 'vendor-part' | 'cases', { page, text, attributes }: Block) {
  const wanted = `vendor of ${attributes.wrap?.split(' of ')[1]}`;
  const file = blocks.find((each) => each.page === page && each.attributes.wrap === wanted)?.text ?? '';
  const keys = kind === 'vendor-part' ? [...text.matchAll(/^(\w+):/gm)].map(([, key]) => key) : [];
  const kept = file.split(/^(?=\w)/m).filter((part) => !keys.includes(/^(\w+):/.exec(part)?.[1]));
  const whole = kind === 'vendor-part' ? [...kept, text].join('') : file;
  const reading = parseVendor(whole, page);
  if (reading.kind === 'refused') throw new Error(formatProblems(page, reading.problems));
  if (kind !== 'cases') return;
  const { count, problems } = await runCases(reading.vendor, text, page);
  expect(problems.length === 0 ? '' : formatProblems(page, problems)).toBe('');
  expect(count).toBeGreaterThan(0);
}

/** A value that fits what the variable is for. */
function sampleOf(variable: string): string {
  // Keys of one config differ.
  if (variable.endsWith('SHA256')) return createHash('sha256').update(variable).digest('hex');
  if (variable.includes('WEBHOOK_SECRET')) return `whsec_${Buffer.alloc(32, 'x').toString('base64')}`;
  return 'value';
}

/** What a snippet is completed by: the sections that every config needs, or a config around the keys of one agent. */
function complete(text: string, kind: string, vendor = 'intuned'): string {
  const settings = vendor === 'intuned' ? 'workspaceId: w, apiKey: k' : '';
  const target = vendor === 'intuned' ? '{ project: p, api: a }' : '{ agent: a }';
  const backends = `backends: { example: { adapter: ${vendor}, baseUrl: "https://vendor.example", ${settings} } }\n`;
  const agent = `agents:\n  - name: price-scraper\n    backend: example\n    target: ${target}\n`;
  switch (kind) {
    case 'config':
      return text + (/^backends:/m.test(text) ? '' : backends) + (/^agents:/m.test(text) ? '' : agent);
    case 'agent':
      return backends + agent + text.replaceAll(/^(?=.)/gm, '    ');
    default:
      throw new Error(`no wrapper is called "${kind}"`);
  }
}

test.each(runnable('mermaid'))('the diagram at $name parses', async ({ block }) => {
  expect(await parseMermaid(block.text)).toMatch(/^(flowchart-v2|sequence|stateDiagram)$/);
});

test('a diagram with a syntax error is refused', async () => {
  await expect(parseMermaid('flowchart LR\n  A -->|')).rejects.toThrow('Parse error');
});

test.each(runnable('json'))('the JSON at $name parses', ({ block }) => {
  expect(JSON.parse(block.text)).toBeDefined();
});

test('every TypeScript block compiles where its imports belong', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-blocks-'));
  try {
    for (const name of ['src', 'node_modules', 'tsconfig.json', 'package.json']) {
      symlinkSync(join(root, name), join(folder, name));
    }
    mkdirSync(join(folder, 'adapters'));
    for (const name of ['path.ts', 'call-rules.ts', 'define-adapter.ts']) {
      symlinkSync(join(root, 'adapters', name), join(folder, 'adapters', name));
    }
    const found = runnable('ts');
    expect(found.length).toBeGreaterThan(0);
    for (const [at, { block }] of found.entries()) {
      mkdirSync(join(folder, `adapters/block-${at}`));
      writeFileSync(join(folder, `adapters/block-${at}/adapter.ts`), block.text);
    }
    const config = {
      extends: './tsconfig.json',
      compilerOptions: { preserveSymlinks: true },
      include: ['adapters/*/adapter.ts'],
    };
    writeFileSync(join(folder, 'blocks.json'), JSON.stringify(config));
    const compiler = join(root, 'node_modules/.bin/tsc');
    const { stdout } = await run(compiler, ['-p', 'blocks.json'], { cwd: folder }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('over the sandbox', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-pages-'));
  let gateway: RungateProcess;
  let url = '';

  beforeAll(async () => {
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin/rungate'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, {
      mode: 0o755,
    });
    for (const name of ['examples', 'rungate.example.yaml']) symlinkSync(join(root, name), join(folder, name));
    gateway = new RungateProcess(['serve', '--sandbox', '--port', '0'], folder);
    ({ url } = await gateway.client());
  });

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  async function shell(script: string): Promise<string> {
    const env = {
      ...process.env,
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      NODE_COMPILE_CACHE: compileCache,
    };
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script.replaceAll(sandboxUrl, url)], {
      cwd: folder,
      env,
    });
    return stdout;
  }

  const shellPages = [...new Set(runnable('sh').map(({ block }) => block.page))];

  test.each(shellPages)('the shell blocks of %s print what the page shows', async (page) => {
    const found = runnable('sh').filter(({ block }) => block.page === page);
    // One shell for the whole page, so that a later block has the variables of an earlier one.
    const marked = found.map(({ block }, at) => `printf '\\n===== block %s\\n' ${at}\n${block.text}`);
    const outputs = (await shell(marked.join('\n'))).split(/\n===== block \d+\n/).slice(1);
    expect(outputs).toHaveLength(found.length);
    const missing = found.map(({ name, block }, at) => {
      const promise = findMissing(promisedOutput(block.text), outputs[at] ?? '');
      return promise === null ? null : `${name} promises ${promise}, and printed ${outputs[at]}`;
    });
    expect(missing.filter((each) => each !== null)).toEqual([]);
  });

  test.concurrent.each(runnable('text'))('the text at $name is what its command prints', async ({ block }) => {
    const { 'output-of': command } = block.attributes;
    expect(command, 'a text block says what prints it').toBeDefined();
    expect(block.text.trimEnd()).toBe((await shell(command ?? '')).trimEnd());
  });
});

test('an info string that is not understood, and output that differs from what is promised, are found', () => {
  expect(() => parseBlocks('page', '```sh norun\ntrue\n```\n')).toThrow('is not understood');
  expect(parseBlocks('page', '# t\n\n```sh no-run="why"\ntrue\n```\n')).toEqual([
    { page: 'page', line: 3, language: 'sh', attributes: { 'no-run': 'why' }, text: 'true\n' },
  ]);
  expect(promisedOutput('# A comment.\necho\n# {"a":…}\n# id: 3')).toEqual(['{"a":…}', 'id: 3']);
  expect(findMissing(['{"a":…}', 'id: 3'], 'x\n{"a":[1]}\nid: 3')).toBeNull();
  expect(findMissing(['id: 3', '{"a":…}'], '{"a":1}\nid: 3')).toBe('{"a":…}');
});
