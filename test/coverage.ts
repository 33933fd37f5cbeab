import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';

// Prints which share of the lines of each room the tests ran, from the report of `vitest --coverage`, and fails where it
// is below the room's floor. What gateways in processes of their own run is not in it.

const root = resolve(import.meta.dirname, '..');

/** Percent of lines, rounded down, less two. A floor is raised with its room and never lowered. */
const floors: Readonly<Record<string, number>> = {
  adapters: 98,
  src: 85,
  'src/access': 95,
  'src/agents': 98,
  'src/cli': 55,
  'src/collections': 98,
  'src/compute': 90,
  'src/config': 97,
  'src/contract': 95,
  'src/engine': 93,
  'src/http': 96,
  'src/json': 98,
  'src/mapping': 93,
  'src/observability': 90,
  'src/protocols': 96,
  'src/sandbox': 94,
  'src/store': 95,
  'src/upstream': 95,
  'src/validation': 92,
};

const lines = z.object({ total: z.number(), covered: z.number() });
const summary = z
  .record(z.string(), z.object({ lines }))
  .parse(JSON.parse(readFileSync(join(root, 'coverage/coverage-summary.json'), 'utf8')));

const rooms = new Map<string, { total: number; covered: number }>();
for (const [file, { lines }] of Object.entries(summary)) {
  if (file === 'total') continue;
  const [first = '', second = ''] = relative(root, file).split('/');
  const room = first === 'adapters' || second.endsWith('.ts') ? first : `${first}/${second}`;
  const sum = rooms.get(room) ?? { total: 0, covered: 0 };
  rooms.set(room, { total: sum.total + lines.total, covered: sum.covered + lines.covered });
}

let isBelow = false;
for (const [room, { total, covered }] of [...rooms].toSorted()) {
  const percent = (100 * covered) / total;
  const floor = floors[room] ?? 0;
  const verdict = percent < floor ? 'BELOW ITS FLOOR' : '';
  if (percent < floor) isBelow = true;
  process.stdout.write(`${room.padEnd(20)} ${percent.toFixed(1).padStart(5)} %  floor ${floor} ${verdict}\n`);
}
process.exitCode = isBelow ? 1 : 0;
