import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { awaitStop, takeHangups } from '../../src/cli/signals.ts';

function openSource() {
  const source = new EventEmitter();
  const aborted: number[] = [];
  let now = 0;
  return {
    source,
    aborted,
    send: (signal: NodeJS.Signals, at: number) => {
      now = at;
      source.emit(signal, signal);
    },
    deps: { source, now: () => now, abort: () => void aborted.push(now) },
  };
}

describe('the signals that stop a command', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s stops the command and is named', async (signal) => {
    const { deps, send, aborted } = openSource();
    const stopped = awaitStop(deps);
    send(signal, 5);
    expect(await stopped).toBe(signal);
    expect(aborted).toEqual([]);
  });

  // Ctrl-C under npm: the terminal sends SIGINT to the whole group, and npm sends it once more.
  test.each([0, 1, 300, 1000])('a second signal %i ms after the first is the same wish', async (later) => {
    const { deps, send, aborted } = openSource();
    const stopped = awaitStop(deps);
    send('SIGINT', 5000);
    send('SIGINT', 5000 + later);
    expect(await stopped).toBe('SIGINT');
    expect(aborted).toEqual([]);
  });

  test.each([1001, 60_000])('a second signal %i ms after the first ends the process on the spot', async (later) => {
    const { deps, send, aborted } = openSource();
    const stopped = awaitStop(deps);
    send('SIGTERM', 5000);
    send('SIGINT', 5000 + later);
    expect(await stopped).toBe('SIGTERM');
    expect(aborted).toEqual([5000 + later]);
  });

  test('time is counted from the first signal, however many follow', async () => {
    const { deps, send, aborted } = openSource();
    const stopped = awaitStop(deps);
    for (const at of [0, 400, 800, 1200]) send('SIGINT', at);
    await stopped;
    expect(aborted).toEqual([1200]);
  });

  test('SIGHUP stops nothing and is reported each time', () => {
    const { source, send } = openSource();
    const reported: string[] = [];
    takeHangups((signal) => reported.push(signal), source);
    send('SIGHUP', 0);
    send('SIGHUP', 5000);
    expect(reported).toEqual(['SIGHUP', 'SIGHUP']);
  });
});

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

describe('a process whose terminal closes', () => {
  /** The sandbox keeps its database below the folder that it is started in. */
  const folder = mkdtempSync(join(tmpdir(), 'rungate-signals-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([['sandbox'], ['serve', '--sandbox', '--port', '0']])(
    'rungate %s goes on after SIGHUP and ends with SIGTERM',
    async (...words) => {
      const child = spawn(process.execPath, [main, ...words], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
      try {
        let said = '';
        for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
          said += String(chunk);
          if (/control: http|rungate listens/.test(said)) break;
        }
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0] ?? '';
        child.kill('SIGHUP');
        expect((await fetch(url)).status).toBeLessThan(500);
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        expect(await ended).toEqual([0, null]);
      } finally {
        child.kill('SIGKILL');
      }
    },
    60_000,
  );
});
