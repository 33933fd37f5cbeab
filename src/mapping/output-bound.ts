import { Pacer } from '../compute/turns.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { type MappedStatus, type Mapping, MappingFault } from '../contract/domain/mapping.ts';
import { isExactNumber } from '../json/exact-number.ts';
import { measureJson } from '../json/measure-json.ts';

/** Values with more parts than this are measured in slices of the event loop. */
const maxNodesAtOnce = 4000;

/** The same mapping with outputs of at most `maxBytes` as JSON: an expression can multiply its input. */
export function boundOutput(mapping: Mapping, maxBytes: number): Mapping {
  const exceeds = (value: Json): boolean | Promise<boolean> =>
    !isSurelyWithin(value, maxBytes) && new Measure(maxBytes).exceeds(value);
  const refuse = (expression: string): never => {
    throw new MappingFault(expression, `its result is larger than ${maxBytes} bytes`);
  };
  const bound = (expression: string, value: Json): Json | Promise<Json> => {
    const found = exceeds(value);
    if (found instanceof Promise) return found.then((isLarger) => (isLarger ? refuse(expression) : value));
    return found === true ? refuse(expression) : value;
  };
  const boundPartial = async (partial: Json): Promise<MappedStatus> =>
    // An oversized partial output does not end a run; it is left out.
    ({ kind: 'pending', partial: (await exceeds(partial)) ? undefined : partial });
  const boundReading = (mapped: MappedStatus): MappedStatus | Promise<MappedStatus> => {
    if (mapped.kind === 'pending') return mapped.partial === undefined ? mapped : boundPartial(mapped.partial);
    if (mapped.kind !== 'success' && mapped.kind !== 'interrupted') return mapped;
    const bounded = mapped.kind === 'success' ? bound('output', mapped.output) : bound('interrupt', mapped.payload);
    return bounded instanceof Promise ? bounded.then(() => mapped) : mapped;
  };
  return {
    interrupts: mapping.interrupts,
    input: async (context, guard) => bound('input', await mapping.input(context, guard)),
    plainInput: (context) => {
      const input = mapping.plainInput(context);
      // What takes long to measure is left to `input`.
      return input === undefined || exceeds(input) !== false ? undefined : input;
    },
    describeEnd: (raw) => mapping.describeEnd(raw),
    cost: (raw, guard) => mapping.cost(raw, guard),
    isFinal: (vendorStatus) => mapping.isFinal(vendorStatus),
    read: (observation, guard) => mapping.read(observation, guard).then(boundReading),
    resume: async (context, guard) => bound('resume', await mapping.resume(context, guard)),
    amend: (part) => {
      const amended = mapping.amend(part);
      return amended.kind === 'refused' ? amended : { ...amended, mapping: boundOutput(amended.mapping, maxBytes) };
    },
    threadState: async (context, guard) => bound('threadState', await mapping.threadState(context, guard)),
  };
}

/** Most values are small, and no number or name with its quotes is longer than this. */
function isSurelyWithin(value: Json, maxBytes: number): boolean {
  const size = measureJson(value, { maxNodes: maxNodesAtOnce, maxChars: maxBytes });
  return size !== null && 3 * size.chars + 28 * size.nodes <= maxBytes;
}

/** Adds up sizes without writing the JSON, and stops once the bound is passed. Escapes are not counted. */
class Measure {
  #leftBytes: number;
  #nodes = 0;
  /** What is to be added up yet. */
  readonly #parts: Iterator<Json>[] = [];
  readonly #pacer = new Pacer();

  constructor(maxBytes: number) {
    this.#leftBytes = maxBytes;
  }

  /** A promise where the value has many parts. */
  exceeds(value: Json): boolean | Promise<boolean> {
    this.#take(value);
    return this.#goOn() ? this.#leftBytes < 0 : this.#finish();
  }

  async #finish(): Promise<boolean> {
    do {
      await this.#pacer.pause();
      this.#nodes = 0;
    } while (!this.#goOn());
    return this.#leftBytes < 0;
  }

  /** False: there is more. */
  #goOn(): boolean {
    for (let parts = this.#parts.at(-1); parts !== undefined; parts = this.#parts.at(-1)) {
      const { done, value } = parts.next();
      if (done) this.#parts.pop();
      else this.#take(value);
      if (this.#leftBytes < 0) return true;
      if (this.#nodes > maxNodesAtOnce) return false;
    }
    return true;
  }

  #take(part: Json): void {
    this.#nodes += 1;
    if (typeof part === 'string') this.#leftBytes -= Buffer.byteLength(part) + 2;
    else if (isExactNumber(part)) this.#leftBytes -= part.source.length;
    else if (typeof part !== 'object' || part === null) this.#leftBytes -= String(part).length;
    else {
      this.#leftBytes -= 2;
      this.#parts.push(Array.isArray(part) ? this.#itemsOf(part) : this.#membersOf(part as JsonObject));
    }
  }

  *#itemsOf(items: readonly Json[]): Generator<Json, undefined> {
    for (const item of items) {
      this.#leftBytes -= 1;
      yield item;
    }
  }

  *#membersOf(members: JsonObject): Generator<Json, undefined> {
    for (const name of Object.keys(members)) {
      this.#leftBytes -= Buffer.byteLength(name) + 4;
      yield members[name] ?? null;
    }
  }
}
