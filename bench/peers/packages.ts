import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const apps = join(import.meta.dirname, 'apps');
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rungate-peers');
const installWithinMs = 300_000;

/** Pinned, so that a table names what was measured. */
export const engines = {
  restate: { name: 'Restate', npm: { '@restatedev/restate-server': '1.7.12', '@restatedev/restate-sdk': '1.17.2' } },
  dbos: { name: 'DBOS', npm: { '@dbos-inc/dbos-sdk': '5.3.0' } },
  absurd: { name: 'Absurd', npm: { 'absurd-sdk': '0.5.0' }, pypi: 'absurdctl==0.5.1' },
  'pg-boss': { name: 'pg-boss', npm: { 'pg-boss': '12.38.0' } },
  'graphile-worker': { name: 'Graphile Worker', npm: { 'graphile-worker': '0.18.0', pg: '8.23.1' } },
} as const;

export type EngineName = keyof typeof engines;

export type Installed = { readonly directory: string } | { readonly unavailable: string };

/**
 * The directory with an engine's packages and its app, installed on first use into a cache outside the checkout: the
 * engines are no dependencies of the project. Takes a minute and some 250 MB for all of them.
 */
export function installEngine(engine: EngineName): Installed {
  const { npm, ...others } = engines[engine];
  const pypi = 'pypi' in others ? others.pypi : null;
  const wanted = [...Object.entries(npm).map(([name, version]) => `${name}@${version}`), ...(pypi ? [pypi] : [])];
  const directory = join(cache, wanted.join('+').replaceAll('/', '-'));
  try {
    if (!existsSync(directory)) install(directory, npm, pypi);
  } catch (error) {
    return { unavailable: `${wanted.join(', ')} cannot be installed: ${lastLineOf(error)}` };
  }
  for (const file of readdirSync(apps)) copyFileSync(join(apps, file), join(directory, file));
  return { directory };
}

/** Whole or not at all: a directory that is there is complete. */
function install(directory: string, npm: Readonly<Record<string, string>>, pypi: string | null): void {
  const part = `${directory}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  writeFileSync(join(part, 'package.json'), JSON.stringify({ private: true, dependencies: npm }));
  const options: ExecFileSyncOptions = { cwd: part, timeout: installWithinMs, stdio: ['ignore', 'ignore', 'pipe'] };
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], options);
  if (pypi !== null) {
    execFileSync('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', 'python', pypi], options);
  }
  renameSync(part, directory);
}

function lastLineOf(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
