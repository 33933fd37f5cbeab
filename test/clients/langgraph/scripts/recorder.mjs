import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A package that is installed in a folder of its own, not beside this file. */
export async function importFrom(folder, name) {
  return await import(pathToFileURL(createRequire(join(folder, 'package.json')).resolve(name)).href);
}

const maxCallMs = 60_000;

/** Makes one call after the other, and writes its answer whole. What fails answers undefined, and the calls that follow go on. */
export function recorder() {
  return async (name, make) => {
    try {
      const value = await within(settle(make()));
      write({ call: name, ok: true, value: value ?? null });
      return value;
    } catch (fault) {
      const [, stated] = /^HTTP (\d{3})/.exec(String(fault?.message)) ?? [];
      const status = fault?.status ?? (stated === undefined ? null : Number(stated));
      write({ call: name, ok: false, error: fault?.name ?? typeof fault, status, text: String(fault).slice(0, 300) });
      return undefined;
    }
  };
}

async function settle(answer) {
  // RemoteGraph promises its streams.
  const parts = await answer;
  if (parts?.[Symbol.asyncIterator] === undefined) return parts;
  const events = [];
  for await (const part of parts) events.push(readPart(part));
  return events;
}

/** Parts of a run's stream carry more members than the two that are compared; those of RemoteGraph are pairs. */
function readPart(part) {
  if (Array.isArray(part) && part.length === 2 && typeof part[0] === 'string') return { event: part[0], data: part[1] };
  return part !== null && typeof part === 'object' && 'event' in part ? { event: part.event, data: part.data } : part;
}

async function within(promise) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${maxCallMs} ms`)), maxCallMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function write(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
