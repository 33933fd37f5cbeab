import type { VendorProblem } from './problems.ts';
import type { FaultMeaning, FaultStep, VendorFault, VendorFile } from './schema.ts';

const meaningsOf: Readonly<Record<FaultStep, readonly FaultMeaning[]>> = {
  start: ['retry', 'rejected', 'unknown'],
  observe: ['retry', 'rejected', 'gone'],
  result: ['retry', 'rejected', 'gone'],
  resume: ['retry', 'rejected', 'unknown', 'done'],
  cancel: ['retry', 'rejected', 'gone', 'done'],
};

/** Finds rows that mean nothing, that nothing can meet, or that could start a run twice. */
export function checkFaults(file: VendorFile): readonly VendorProblem[] {
  return file.faults.flatMap((row, index) => {
    const keys = ['faults', index];
    const problems: VendorProblem[] = [];
    const absent = absentStep(row.on, file);
    if (absent !== null)
      problems.push({ keys: [...keys, 'on'], message: `is ${row.on}, but the file has no ${absent}` });
    problems.push(...checkMeaning(row, keys));
    if (row.on === 'start' && row.is === 'retry' && file.start.once === undefined && mayHaveStarted(row)) {
      const message =
        'may start twice: after 408 and 5xx the vendor may have started the run; name other statuses in "http", or promise "once" in the start';
      problems.push({ keys: [...keys, 'is'], message });
    }
    return problems;
  });
}

function checkMeaning({ on, is, status }: VendorFault, keys: readonly (string | number)[]): readonly VendorProblem[] {
  if (is === undefined && status === undefined) return [{ keys, message: 'says neither what it is nor which status' }];
  if (is !== undefined && status !== undefined) {
    return [{ keys: [...keys, 'status'], message: 'stands beside is; a row has one of them', isKey: true }];
  }
  if (status !== undefined && on !== 'result') {
    return [{ keys: [...keys, 'status'], message: 'is for faults of a result only', isKey: true }];
  }
  const known = meaningsOf[on];
  if (is === undefined || known.includes(is)) return [];
  return [{ keys: [...keys, 'is'], message: `means nothing on ${on}; there are ${known.join(', ')}` }];
}

function absentStep(on: FaultStep, file: VendorFile): string | null {
  if (on === 'result') return file.results === undefined ? 'results' : null;
  return file[on] === undefined ? on : null;
}

/** 408 may be a proxy that gave up on a vendor that is at work, and a 5xx may come after the work was begun. */
function mayHaveStarted({ http }: VendorFault): boolean {
  if (http === undefined) return true;
  return [http].flat().some((status) => status === 408 || status >= 500);
}
