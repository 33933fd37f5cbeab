import type { Wall } from './wall.ts';

const parking = ['test/engine/parking.test.ts'];
const elsewhere = ['test/engine/remote-watchers.test.ts'];

/** What ends the sleep of a run that is parked. */
export const wallsOfWaking: readonly Wall[] = [
  {
    name: 'waking by a watcher',
    file: 'src/engine/worker/parked-run.ts',
    from: 'wake(): void {\n    this.#parking.rouse(this);',
    to: 'wake(): void {',
    tests: parking,
  },
  {
    name: 'waking by a push',
    file: 'src/engine/worker/parked-run.ts',
    from: 'this.memory.wasPushed = true;\n    this.#parking.rouse(this);',
    to: 'this.memory.wasPushed = true;',
    tests: parking,
  },
  {
    name: 'waking by the deadline',
    file: 'src/engine/worker/run-loop.ts',
    from: 'Math.min(waitMs, this.#untilDeadlineMs()));',
    to: 'waitMs);',
    tests: parking,
  },
  {
    name: 'waking by what was written elsewhere in the process, a cancellation among it',
    file: 'src/engine/worker/live-runs.ts',
    from: 'live?.refresh(run);',
    to: '',
    tests: parking,
  },
  {
    name: 'waking by the wheel',
    file: 'src/engine/worker/parked-runs.ts',
    from: 'void this.#wake(due.filter((parked) => !this.#standsBack(parked)));',
    to: '',
    tests: parking,
  },
  {
    name: 'waking by a watcher at another replica',
    file: 'src/engine/cluster/shared-watches.ts',
    from: 'if (run !== undefined && remote.heed(id)) run.wake();',
    to: 'if (run !== undefined) remote.heed(id);',
    tests: elsewhere,
  },
  {
    name: 'waking by a watcher at another replica whose word was lost',
    file: 'src/engine/cluster/shared-watches.ts',
    from: 'bus.keys().map(({ runId }) => runId),',
    to: '[],',
    tests: elsewhere,
  },
];
