import { describe, expect, test } from 'vitest';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Log } from '../../src/contract/domain/log.ts';
import { FaultRecorder } from '../../src/engine/state/fault-recorder.ts';
import { makeAgent } from './scripted-agent.ts';
import { ScriptedVendor } from './scripted-vendor.ts';

function record() {
  const levels: string[] = [];
  const counted: string[] = [];
  const log: Log = {
    debug: () => levels.push('debug'),
    info: () => levels.push('info'),
    warn: () => levels.push('warn'),
    error: () => levels.push('error'),
    child: () => log,
  };
  const faults = new FaultRecorder({ count: (name) => counted.push(name) });
  const agent = makeAgent({
    connection: new ScriptedVendor(),
    layer: { status: { done: 'success' }, output: 'output' },
  });
  const note = (httpStatus: number) =>
    faults.record(log, agent, 'observe', new UpstreamFault({ ...fault, kind: 'http-status', httpStatus }));
  return { levels, counted, note };
}

const fault = { consequence: 'retry', message: 'no' } as const;

describe('a fault recorder', () => {
  test('the first fault of each kind is a warning, the others are logged at the debug level, and all are counted', () => {
    const { levels, counted, note } = record();
    for (const status of [500, 502, 500, 502]) note(status);
    expect(levels).toEqual(['warn', 'warn', 'debug', 'debug']);
    expect(counted).toEqual(Array.from({ length: 4 }, () => 'upstream_faults'));
  });

  test('a fault of a kind that ten thousand later kinds pushed out is a warning again', () => {
    const { levels, note } = record();
    for (let status = 0; status <= 10_000; status += 1) note(status);
    levels.length = 0;
    note(10_000);
    note(0);
    expect(levels).toEqual(['debug', 'warn']);
  });
});
