// Points the client that a vendor publishes at a server that answers as the cases of the vendor's file say. What the client
// sends must be what the file sends. The clients are installed into a cache outside the checkout, pinned.
//
//   npm run test:vendors [-- NAME…]
import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadVendor, shippedVendors, vendorFileOf } from '../../../src/config/vendor-files.ts';
import { casesSchema } from '../../../src/vendors/case-schema.ts';
import { casesFileOf } from '../../../src/vendors/vendor-cases.ts';
import { type Client, clients } from './clients.ts';
import { ReplayedVendor } from './replayed-vendor.ts';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rungate-vendors');
const installWithinMs = 300_000;
const runWithinMs = 60_000;
const maxWhy = 2000;
const printed = z.object({ id: z.string(), status: z.string() });

/** The directory with a client's packages; whole or not at all. */
function installClient({ packages }: Client): string {
  const directory = join(cache, packages.join('+').replaceAll('/', '-'));
  if (existsSync(directory)) return directory;
  const part = `${directory}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  writeFileSync(join(part, 'package.json'), '{ "private": true, "type": "module" }\n');
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], {
    cwd: part,
    timeout: installWithinMs,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  renameSync(part, directory);
  return directory;
}

/** What is wrong; nothing where the client sends what the file sends. */
async function tryClient(client: Client): Promise<readonly string[]> {
  const file = vendorFileOf(shippedVendors, client.vendor);
  const vendor = await loadVendor(file);
  const cases = casesSchema.parse(parse(readFileSync(casesFileOf(file), 'utf8'), { merge: true }));
  const directory = installClient(client);
  const script = join(directory, `${client.vendor}.mjs`);
  copyFileSync(join(import.meta.dirname, 'scripts', `${client.vendor}.mjs`), script);
  const basePath = new URL(vendor.file.baseUrl ?? 'http://vendor').pathname.replace(/\/$/, '');
  const server = new ReplayedVendor(cases, basePath, client.additions ?? {});
  try {
    const baseUrl = await server.listen();
    const options = { cwd: directory, timeout: runWithinMs };
    const { stdout } = await promisify(execFile)(process.execPath, [script, baseUrl], options);
    const { id } = printed.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
    const expected = cases.cases[0]?.steps.find((step) => step.out.upstream !== undefined)?.out.upstream?.runId;
    return [...server.differences, ...(id === expected ? [] : [`the client read the id ${id}`])];
  } catch (error) {
    const why = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return [...server.differences, why.trim().slice(0, maxWhy)];
  } finally {
    server.close();
  }
}

const names = process.argv.slice(2);
let failed = false;
for (const client of clients) {
  if (names.length > 0 && !names.includes(client.vendor)) continue;
  const problems = await tryClient(client);
  failed ||= problems.length > 0;
  process.stdout.write(
    `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${client.vendor} with ${client.packages.join(', ')}\n`,
  );
  for (const problem of problems) process.stdout.write(`       ${problem}\n`);
}
process.exitCode = failed ? 1 : 0;
