import type { Json } from '../contract/domain/json.ts';
import { type MappedStatus, type Mapping, MappingFault } from '../contract/domain/mapping.ts';
import { isExactNumber } from '../json/exact-number.ts';

/** The same mapping with outputs of at most `maxBytes` as JSON: an expression can multiply its input. */
export function boundOutput(mapping: Mapping, maxBytes: number): Mapping {
  const bound = (expression: string, value: Json): Json => {
    if (!isLarger(value, maxBytes)) return value;
    throw new MappingFault(expression, `its result is larger than ${maxBytes} bytes`);
  };
  const boundReading = (mapped: MappedStatus): MappedStatus => {
    if (mapped.kind === 'success') bound('output', mapped.output);
    else if (mapped.kind === 'interrupted') bound('interrupt', mapped.payload);
    // An oversized partial output does not end a run; it is left out.
    else if (mapped.kind === 'pending' && mapped.partial !== undefined && isLarger(mapped.partial, maxBytes)) {
      return { kind: 'pending', partial: undefined };
    }
    return mapped;
  };
  return {
    interrupts: mapping.interrupts,
    input: async (context, guard) => bound('input', await mapping.input(context, guard)),
    plainInput: (context) => {
      const input = mapping.plainInput(context);
      return input === undefined || isLarger(input, maxBytes) ? undefined : input;
    },
    isFinal: (vendorStatus) => mapping.isFinal(vendorStatus),
    read: async (observation, guard) => boundReading(await mapping.read(observation, guard)),
    resume: async (context, guard) => bound('resume', await mapping.resume(context, guard)),
    threadState: async (context, guard) => bound('threadState', await mapping.threadState(context, guard)),
  };
}

/** Adds up sizes without writing the JSON, and stops once the bound is passed. Escapes are not counted. */
function isLarger(value: Json, maxBytes: number): boolean {
  let leftBytes = maxBytes;
  const take = (part: Json): void => {
    if (typeof part === 'string') leftBytes -= Buffer.byteLength(part) + 2;
    else if (isExactNumber(part)) leftBytes -= part.source.length;
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
