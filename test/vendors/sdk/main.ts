// Points the client that a vendor publishes at the vendor's stand-in, at which it runs one run to its end and cancels another; or,
// where the sandbox has none, at a server that answers as the cases of the vendor's file say. What the client sends must be
// what the file sends. The clients are installed into a cache outside the checkout, pinned.
//
//   npm run test:vendors [-- NAME…]
import { type ExecFileSyncOptions, execFile, execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadVendor, shippedVendors, vendorFileOf } from '../../../src/config/vendor-files.ts';
import { fileVendors } from '../../../src/sandbox/faults.ts';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';
import { casesSchema } from '../../../src/vendors/case-schema.ts';
import { casesFileOf } from '../../../src/vendors/vendor-cases.ts';
import { CaseCalls } from './case-calls.ts';
import { type Client, clients } from './clients.ts';
import { type CodedClient, codedClients } from './coded-clients.ts';
import { type AnswerCall, HeardVendor } from './heard-vendor.ts';
import { tryCoded } from './try-coded.ts';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rungate-vendors');
const installWithinMs = 300_000;
const runWithinMs = 60_000;
const maxWhy = 2000;
const printed = z.object({ id: z.string(), status: z.string() });
/** What a script prints that is pointed at a stand-in. `names` are the stand-in's, by those of the cases. */
const printedOfStandIn = printed.extend({
  result: z.json().refine((result) => result !== null, 'there is none'),
  cancelled: z.string(),
  names: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
});
/** The keys of the cases. */
const apiKeys = ['test-token', 'test-key', 'r8_test'];
const sandbox = await startSandbox({ apiKeys });

/** The directory with a client's packages; whole or not at all. */
function installClient({ packages, isPython = false }: Pick<Client, 'packages' | 'isPython'>): string {
  const directory = join(cache, packages.join('+').replaceAll('/', '-'));
  if (existsSync(directory)) return directory;
  const part = `${directory}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const options: ExecFileSyncOptions = { cwd: part, timeout: installWithinMs, stdio: ['ignore', 'ignore', 'pipe'] };
  if (isPython) {
    // A virtual environment would name its place, which changes; a folder of packages does not.
    const [first = '', ...needed] = packages;
    execFileSync('python3', ['-m', 'pip', 'install', '-q', '--target', '.', '--no-deps', first], options);
    execFileSync('python3', ['-m', 'pip', 'install', '-q', '--target', '.', ...needed], options);
  } else {
    writeFileSync(join(part, 'package.json'), '{ "private": true, "type": "module" }\n');
    execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], options);
  }
  renameSync(part, directory);
  return directory;
}

/** Passes a call on to a stand-in. */
const passTo =
  (url: string): AnswerCall =>
  async ({ key, headers, body }, path) => {
    const [method = ''] = key.split(' ');
    const kept = Object.entries(headers).filter(([name]) => !/^(host|connection|content-length)$/.test(name));
    const response = await fetch(path === '/' ? url : `${url}${path}`, {
      ...{ method, headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])) },
      ...(body !== '' && { body }),
    });
    return { status: response.status, body: await response.text() };
  };

function standInOf({ vendor, path = '' }: Client): string | null {
  return fileVendors.some((name) => name === vendor) ? `${sandbox.vendorsUrl}/${vendor}${path}` : null;
}

/** What is wrong; nothing where the client sends what the file sends, and understands what it is answered. */
async function tryClient(client: Client): Promise<readonly string[]> {
  const file = vendorFileOf(shippedVendors, client.vendor);
  const vendor = await loadVendor(file);
  const cases = casesSchema.parse(parse(readFileSync(casesFileOf(file), 'utf8'), { merge: true }));
  const directory = installClient(client);
  const [program, ending] = client.isPython === true ? ['python3', 'py'] : [process.execPath, 'mjs'];
  // Not by the name of the vendor alone, which may be that of a package.
  const script = join(directory, `try-${client.vendor}.${ending}`);
  copyFileSync(join(import.meta.dirname, 'scripts', `${client.vendor}.${ending}`), script);
  const calls = new CaseCalls(cases);
  const standIn = standInOf(client);
  const basePath = new URL(vendor.file.baseUrl ?? 'http://vendor').pathname.replace(/\/$/, '');
  const heard = new HeardVendor(basePath, standIn === null ? calls.replay() : passTo(standIn));
  const { additions = {} } = client;
  try {
    const baseUrl = await heard.listen();
    const options = { cwd: directory, timeout: runWithinMs };
    const { stdout } = await promisify(execFile)(program, [script, baseUrl, heard.sinkUrl], options);
    const said: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    if (standIn === null) return [...calls.compare(heard.calls, additions, {}), ...judgeReplayed(cases, said)];
    const { names, status, cancelled } = printedOfStandIn.parse(said);
    const { status: words } = z
      .looseObject({ status: z.record(z.string(), z.unknown()) })
      .parse(vendor.mapping.mapping);
    return [
      ...calls.compare(heard.calls, additions, names),
      ...(meansSuccess(words[status]) ? [] : [`the client read the status ${status} of a run that succeeded`]),
      ...(words[cancelled] === 'pending' || words[cancelled] === undefined
        ? [`the client read the status ${cancelled} of a run that it cancelled`]
        : []),
    ];
  } catch (error) {
    const why = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return [...calls.compare(heard.calls, additions, {}), why.trim().slice(0, maxWhy)];
  } finally {
    heard.close();
  }
}

/** A status may mean more than one thing, and says what else decides. */
function meansSuccess(word: unknown): boolean {
  return word === 'success' || (Array.isArray(word) && word.some(({ is }) => is === 'success'));
}

function judgeReplayed({ cases }: ReturnType<typeof casesSchema.parse>, said: unknown): readonly string[] {
  const { id } = printed.parse(said);
  const expected = cases[0]?.steps.find((step) => step.out.upstream !== undefined)?.out.upstream?.runId;
  return id === expected ? [] : [`the client read the id ${id}`];
}

/** The same for a vendor that is spoken by code: its client and the adapter make the same run. */
async function tryCodedClient(client: CodedClient): Promise<readonly string[]> {
  const directory = installClient(client);
  const script = join(directory, `${client.vendor}.mjs`);
  copyFileSync(join(import.meta.dirname, 'scripts', `${client.vendor}.mjs`), script);
  try {
    return await tryCoded(client, async (baseUrl) => {
      await promisify(execFile)(process.execPath, [script, baseUrl], { cwd: directory, timeout: runWithinMs });
    });
  } catch (error) {
    const why = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return [why.trim().slice(0, maxWhy)];
  }
}

const names = process.argv.slice(2);
const trials = [
  ...clients.map((client) => ({ client, attempt: () => tryClient(client) })),
  ...codedClients.map((client) => ({ client, attempt: () => tryCodedClient(client) })),
];
let failed = false;
for (const { client, attempt } of trials) {
  if (names.length > 0 && !names.includes(client.vendor)) continue;
  const problems = await attempt();
  failed ||= problems.length > 0;
  process.stdout.write(
    `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${client.vendor} with ${client.packages.join(', ')}${standInOf(client) === null ? '' : ' at its stand-in'}\n`,
  );
  for (const problem of problems) process.stdout.write(`       ${problem}\n`);
}
await sandbox.close();
process.exitCode = failed ? 1 : 0;
