import type { Json } from '../contract/domain/json.ts';
import { type Mapping, MappingFault, type Reading } from '../contract/domain/mapping.ts';

/** The same mapping, but what it makes is never larger than `mostBytes` as JSON: an expression can multiply its input. */
export function boundOutput(mapping: Mapping, mostBytes: number): Mapping {
  const bound = (expression: string, value: Json): Json => {
    if (!isLarger(value, mostBytes)) return value;
    throw new MappingFault(expression, `its result is larger than ${mostBytes} bytes`);
  };
  const boundReading = (reading: Reading): Reading => {
    if (reading.kind === 'success') bound('output', reading.output);
    else if (reading.kind === 'interrupted') bound('interrupt', reading.payload);
    // What a run shows on its way is no reason to end it: its readers wait for less.
    else if (reading.kind === 'pending' && reading.partial !== undefined && isLarger(reading.partial, mostBytes)) {
      return { kind: 'pending', partial: undefined };
    }
    return reading;
  };
  return {
    interrupts: mapping.interrupts,
    input: async (context) => bound('input', await mapping.input(context)),
    plainInput: (context) => {
      const input = mapping.plainInput(context);
      return input === undefined || isLarger(input, mostBytes) ? undefined : input;
    },
    read: async (observation) => boundReading(await mapping.read(observation)),
    resume: async (context) => bound('resume', await mapping.resume(context)),
    threadState: async (context) => bound('threadState', await mapping.threadState(context)),
  };
}

/** Adds up without writing the JSON, and stops as soon as the answer is known. Escapes are not counted. */
function isLarger(value: Json, mostBytes: number): boolean {
  let leftBytes = mostBytes;
  const take = (part: Json): void => {
    if (typeof part === 'string') leftBytes -= Buffer.byteLength(part) + 2;
    else if (typeof part !== 'object' || part === null) leftBytes -= String(part).length;
    else {
      leftBytes -= 2;
      const isList = Array.isArray(part);
      for (const key of Object.keys(part)) {
        if (leftBytes < 0) return;
        leftBytes -= isList ? 1 : Buffer.byteLength(key) + 4;
        take((part as Readonly<Record<string, Json>>)[key] ?? null);
      }
    }
  };
  take(value);
  return leftBytes < 0;
}
