import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { awaitStop, ignoreHangups } from '../../src/cli/signals.ts';

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
    ignoreHangups((signal) => reported.push(signal), source);
    send('SIGHUP', 0);
    send('SIGHUP', 5000);
    expect(reported).toEqual(['SIGHUP', 'SIGHUP']);
  });
});
