import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Child } from '../../../bench/child.ts';
import { findFreePort } from '../../../bench/free-port.ts';

const installWithinMs = 600_000;

export type ServedPage = { readonly url: string; stop(): Promise<void> };

/** Builds Agent Chat UI in its folder, unless it is built, and serves it. */
export async function servePage(folder: string): Promise<ServedPage> {
  // Its scripts ask for `node` in the path: that of this process is new enough.
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    NEXT_TELEMETRY_DISABLED: '1',
    NEXT_FONT_GOOGLE_MOCKED_RESPONSES: join(import.meta.dirname, 'fonts.cjs'),
  };
  const run = (program: string, args: readonly string[]): void => {
    const options = { cwd: folder, env: { ...process.env, ...env }, timeout: installWithinMs } as const;
    execFileSync(program, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  if (!existsSync(join(folder, 'node_modules')))
    run('npm', ['install', '--legacy-peer-deps', '--no-audit', '--no-fund']);
  const next = join(folder, 'node_modules/next/dist/bin/next');
  if (!existsSync(join(folder, '.next/BUILD_ID'))) run(process.execPath, [next, 'build']);
  const port = await findFreePort();
  const args = [next, 'start', '--hostname', '127.0.0.1', '--port', String(port)];
  const child = new Child({ command: process.execPath, args, cwd: folder, env, ready: /Ready in/ });
  await child.whenReady();
  return { url: `http://127.0.0.1:${port}`, stop: async () => await child.stop() };
}
