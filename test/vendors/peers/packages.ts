import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rungate-vendors');
/** A large package of PyPI takes minutes on a machine that does other work too. */
const installWithinMs = 1_500_000;

/** Pinned, so that the table names what was seen. */
export type Packages = { readonly from: 'npm' | 'pypi'; readonly names: readonly string[] };

export type Installed = { readonly directory: string } | { readonly unavailable: string };

/** Installs a server into a cache outside the checkout, whole or not at all. No server is a dependency of the project. */
export function installServer({ from, names }: Packages): Installed {
  const directory = join(cache, `peer-${names.join('+').replaceAll('/', '-')}`);
  try {
    if (!existsSync(directory)) install(directory, from, names);
    return { directory };
  } catch (error) {
    return { unavailable: `${names.join(', ')} cannot be installed: ${reasonOf(error)}` };
  }
}

/** Nothing is on stderr where the installer took too long. */
function reasonOf(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return (said === '' ? String(error) : said).split('\n').at(-1) ?? '';
}

function install(directory: string, from: Packages['from'], names: readonly string[]): void {
  const part = `${directory}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  if (from === 'npm') {
    writeFileSync(join(part, 'package.json'), '{ "private": true, "type": "module" }\n');
    execute('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...names], part);
  } else {
    // Its scripts name the directory that it was made in; `python -m` works wherever it is moved to.
    execute('python3', ['-m', 'venv', '.'], part);
    execute(join(part, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--no-compile', ...names], part);
  }
  renameSync(part, directory);
}

function execute(program: string, args: readonly string[], cwd: string): void {
  execFileSync(program, args, { cwd, timeout: installWithinMs, stdio: ['ignore', 'ignore', 'pipe'] });
}
