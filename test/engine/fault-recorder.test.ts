import { describe, expect, test } from 'vitest';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Log } from '../../src/contract/domain/log.ts';
import { FaultRecorder } from '../../src/engine/state/fault-recorder.ts';
import { makeAgent } from './scripted-agent.ts';
import { ScriptedVendor } from './scripted-vendor.ts';
import { VirtualClock } from './virtual-clock.ts';

const minute = 60_000;

function record() {
  const lines: (readonly [level: string, suppressed: unknown])[] = [];
  const counted: string[] = [];
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>) =>
    void lines.push([level, fields.suppressed]);
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  const clock = new VirtualClock();
  const faults = new FaultRecorder({ count: (name) => counted.push(name), observe: () => {} }, clock);
  const agent = makeAgent({
    connection: new ScriptedVendor(),
    layer: { status: { done: 'success' }, output: 'output' },
  });
  return {
    clock,
    counted,
    lines,
    levels: () => lines.map(([level]) => level),
    warned: () => lines.filter(([level]) => level === 'warn').map(([, suppressed]) => suppressed),
    note: (httpStatus: number) =>
      faults.record(log, agent, 'observe', new UpstreamFault({ ...fault, kind: 'http-status', httpStatus })),
    noteStatus: (vendorStatus: string) =>
      faults.recordUnmapped(log, agent, { kind: 'unmapped', vendorStatus, nearest: 'done' }),
    noteMapped: () => faults.noteMapped(agent),
    noteAnswer: (purpose: 'start' | 'observe' = 'observe') => faults.noteAnswer(agent, purpose),
  };
}

const fault = { consequence: 'retry', message: 'no' } as const;

describe('a fault recorder', () => {
  test('the first fault of each kind is a warning, the others are logged at the debug level, and all are counted', () => {
    const { levels, counted, note } = record();
    for (const status of [500, 502, 500, 502]) note(status);
    expect(levels()).toEqual(['warn', 'warn', 'debug', 'debug']);
    expect(counted).toEqual(Array.from({ length: 4 }, () => 'upstream_faults'));
  });

  test('a fault of a kind that ten thousand later kinds pushed out is a warning again', () => {
    const { lines, levels, note } = record();
    for (let status = 0; status <= 10_000; status += 1) note(status);
    lines.length = 0;
    note(10_000);
    note(0);
    expect(levels()).toEqual(['debug', 'warn']);
  });

  test('a fault that goes on is a warning again every ten minutes, with the count of those that were not', async () => {
    const { clock, note, warned } = record();
    for (let at = 0; at < 25; at += 1) {
      note(500);
      await clock.advance(minute);
    }
    expect(warned()).toEqual([undefined, 9, 9]);
  });

  test('a fault after an answer is a warning again, with the count of those that were not', () => {
    const { note, noteAnswer, warned } = record();
    for (let outage = 0; outage < 3; outage += 1) {
      for (let times = 0; times < 4; times += 1) note(500);
      noteAnswer();
    }
    expect(warned()).toEqual([undefined, 3, 3]);
  });

  test('an answer to another kind of call does not make a fault new', () => {
    const { note, noteAnswer, warned } = record();
    note(500);
    noteAnswer('start');
    note(500);
    expect(warned()).toEqual([undefined]);
  });

  test('a fault that comes and goes is a warning five times in ten minutes at most', async () => {
    const { clock, note, noteAnswer, warned } = record();
    for (let second = 0; second < 1200; second += 1) {
      note(500);
      noteAnswer();
      await clock.advance(1000);
    }
    expect(warned()).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      595,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('a status that the mapping does not have is a warning again after ten minutes, or after one that it has', async () => {
    const { clock, noteStatus, noteMapped, warned } = record();
    noteStatus('DONE');
    noteStatus('DONE');
    await clock.advance(10 * minute);
    noteStatus('DONE');
    noteStatus('DONE');
    noteMapped();
    noteStatus('DONE');
    expect(warned()).toEqual([undefined, 1, 1]);
  });
});
