import type { Json, JsonObject } from '../contract/domain/json.ts';
import type { ProtobufField, ProtobufSchema } from '../contract/wire/protobuf.ts';
import { isJsonObject } from './json-object.ts';

/** Bytes that are not the message that they were taken for. */
export class ProtobufError extends Error {}

/** Deeper messages would overflow the stack. */
const maxDepth = 200;
const [varint, fixed64, delimited, fixed32] = [0, 1, 2, 5];
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Writes a message of a schema from its JSON (https://protobuf.dev/programming-guides/json/). Members that are null are left out.
 *
 * @throws TypeError for what the message does not have: a member, or a value of another type.
 */
export function encodeMessage(schema: ProtobufSchema, name: string, value: Json): Uint8Array {
  const fields = fieldsOf(schema, name);
  if (!isJsonObject(value)) throw new TypeError(`${name} must be an object`);
  const parts: Uint8Array[] = [];
  for (const [member, given] of Object.entries(value)) {
    const field = fields[member];
    if (field === undefined) throw new TypeError(`${name} has no ${member}`);
    if (given === null) continue;
    const [number, type, many] = field;
    for (const item of itemsOf(given, many)) {
      const content = many === 'map' ? encodeEntry(schema, type, item) : encodeValue(schema, type, item);
      if (typeof content === 'bigint') parts.push(encodeVarint(BigInt(number * 8 + varint)), encodeVarint(content));
      else {
        const head = [encodeVarint(BigInt(number * 8 + delimited)), encodeVarint(BigInt(content.byteLength))];
        parts.push(...head, content);
      }
    }
  }
  return Buffer.concat(parts);
}

function itemsOf(given: Json, many: ProtobufField[2]): readonly Json[] {
  if (many === undefined) return [given];
  if (many === 'list' && Array.isArray(given)) return given;
  if (many === 'map' && isJsonObject(given)) return Object.entries(given);
  throw new TypeError(`a ${many} is needed`);
}

function encodeEntry(schema: ProtobufSchema, type: string, entry: Json): Uint8Array {
  const [key, value] = entry as readonly [string, Json];
  const entries: ProtobufSchema = { ...schema, messages: { ...schema.messages, entry: entryOf(type) } };
  return encodeMessage(entries, 'entry', { key, value });
}

function entryOf(type: string): Readonly<Record<string, ProtobufField>> {
  return { key: [1, 'string'], value: [2, type] };
}

/** Numbers go as varints, everything else as bytes. */
function encodeValue(schema: ProtobufSchema, type: string, value: Json): bigint | Uint8Array {
  switch (type) {
    case 'string':
      return Buffer.from(textOf(value));
    case 'bytes':
      return Buffer.from(textOf(value), 'base64');
    case 'bool':
      return value === true ? 1n : 0n;
    case 'int32':
    case 'int64':
      return BigInt.asUintN(64, BigInt(typeof value === 'number' ? value : textOf(value)));
    case 'duration':
      return encodeSeconds(Number(textOf(value).replace(/s$/, '')) * 1000);
    case 'timestamp':
      return encodeSeconds(Date.parse(textOf(value)));
    default: {
      const values = schema.enums[type];
      if (values === undefined) return encodeMessage(schema, type, value);
      const number =
        typeof value === 'number' ? value : values.names.findIndex((name) => values.prefix + name === value);
      if (number < 0) throw new TypeError(`${type} has no ${JSON.stringify(value)}`);
      return BigInt(number);
    }
  }
}

function textOf(value: Json): string {
  if (typeof value !== 'string') throw new TypeError('a text is needed');
  return value;
}

const secondsSchema: ProtobufSchema = {
  messages: { seconds: { seconds: [1, 'int64'], nanos: [2, 'int32'] } },
  enums: {},
};

function encodeSeconds(ms: number): Uint8Array {
  if (!Number.isFinite(ms)) throw new TypeError('a time or a duration is needed');
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6);
  return encodeMessage(secondsSchema, 'seconds', { seconds: String(seconds), nanos: nanos === 0 ? null : nanos });
}

function encodeVarint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/**
 * Reads a message of a schema as its JSON. Fields that the schema does not have are passed over; what is not on the wire is not
 * in the JSON.
 *
 * @throws ProtobufError
 */
export function decodeMessage(schema: ProtobufSchema, name: string, bytes: Uint8Array): JsonObject {
  return new MessageReader(schema, bytes, 0).read(name);
}

class MessageReader {
  readonly #schema: ProtobufSchema;
  readonly #bytes: Buffer;
  readonly #depth: number;
  #at = 0;

  constructor(schema: ProtobufSchema, bytes: Uint8Array, depth: number) {
    if (depth > maxDepth) throw new ProtobufError('the message is nested too deeply');
    this.#schema = schema;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#depth = depth;
  }

  read(name: string): JsonObject {
    const fields = new Map(
      Object.entries(fieldsOf(this.#schema, name)).map(([member, field]) => [field[0], { member, field }] as const),
    );
    const found = new Map<string, Json>();
    const lists = new Map<{ readonly member: string; readonly field: ProtobufField }, Json[]>();
    while (this.#at < this.#bytes.byteLength) {
      const tag = Number(this.#varint());
      const wire = tag % 8;
      const known = fields.get(Math.floor(tag / 8));
      if (known === undefined) {
        this.#skip(wire);
        continue;
      }
      const [, type, many] = known.field;
      if (many === undefined) found.set(known.member, this.#value(type, wire));
      else {
        const items = lists.get(known) ?? [];
        lists.set(known, items);
        items.push(many === 'map' ? this.#entry(type, wire) : this.#value(type, wire));
      }
    }
    for (const [{ member, field }, items] of lists)
      found.set(member, field[2] === 'map' ? Object.fromEntries(items as [string, Json][]) : items);
    // Unlike an assignment, fromEntries makes "__proto__" an ordinary member.
    return Object.fromEntries(found);
  }

  #entry(type: string, wire: number): readonly [string, Json] {
    const messages = { ...this.#schema.messages, entry: entryOf(type) };
    const { key = '', value = type === 'bytes' ? '' : {} } = this.#nested({ ...this.#schema, messages }, 'entry', wire);
    return [String(key), value];
  }

  #value(type: string, wire: number): Json {
    switch (type) {
      case 'string':
        return this.#text(wire);
      case 'bytes':
        return this.#delimited(wire).toString('base64');
      case 'bool':
        return this.#number(wire) !== 0n;
      case 'int32':
        return Number(BigInt.asIntN(32, this.#number(wire)));
      case 'int64':
        return String(BigInt.asIntN(64, this.#number(wire)));
      case 'duration':
        return `${this.#seconds(wire) / 1000}s`;
      case 'timestamp':
        return this.#time(wire);
      default: {
        const values = this.#schema.enums[type];
        if (values === undefined) return this.#nested(this.#schema, type, wire);
        const number = Number(BigInt.asIntN(32, this.#number(wire)));
        const named = values.names[number];
        return named === undefined ? number : values.prefix + named;
      }
    }
  }

  #nested(schema: ProtobufSchema, name: string, wire: number): JsonObject {
    return new MessageReader(schema, this.#delimited(wire), this.#depth + 1).read(name);
  }

  #text(wire: number): string {
    try {
      return utf8.decode(this.#delimited(wire));
    } catch (error) {
      throw error instanceof ProtobufError ? error : new ProtobufError('a text is not UTF-8');
    }
  }

  #time(wire: number): string {
    const time = new Date(this.#seconds(wire));
    if (Number.isNaN(time.getTime())) throw new ProtobufError('a time is out of range');
    return time.toISOString();
  }

  #seconds(wire: number): number {
    const { seconds = '0', nanos = 0 } = this.#nested(secondsSchema, 'seconds', wire);
    return Number(seconds) * 1000 + Number(nanos) / 1e6;
  }

  #number(wire: number): bigint {
    if (wire !== varint) throw new ProtobufError('a number is of another type');
    return this.#varint();
  }

  #delimited(wire: number): Buffer {
    if (wire !== delimited) throw new ProtobufError('a text or a message is of another type');
    return this.#take(Number(this.#varint()));
  }

  #skip(wire: number): void {
    if (wire === varint) this.#varint();
    else if (wire === fixed64) this.#take(8);
    else if (wire === delimited) this.#delimited(wire);
    else if (wire === fixed32) this.#take(4);
    else throw new ProtobufError('a field has a type that is not known');
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.byteLength) throw new ProtobufError('the message is cut short');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new ProtobufError('the message is cut short');
      this.#at += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new ProtobufError('a number is too long');
  }
}

function fieldsOf({ messages }: ProtobufSchema, name: string): Readonly<Record<string, ProtobufField>> {
  const fields = messages[name];
  if (fields === undefined) throw new TypeError(`the schema has no ${name}`);
  return fields;
}
