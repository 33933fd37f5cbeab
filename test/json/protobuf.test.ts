import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { temporalSchema } from '../../src/contract/wire/temporal.ts';
import { decodeMessage, encodeMessage, ProtobufError } from '../../src/json/protobuf.ts';

/** Written by the `protobuf` package of Python from the messages of `temporalio` 1.35. */
type Golden = { readonly name: string; readonly json: JsonObject; readonly base64: string; readonly isPart?: boolean };

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'temporal-messages.json'), 'utf8')) as Golden[];
const bytesOf = (base64: string) => Buffer.from(base64, 'base64');
const decode = (name: string, bytes: Uint8Array) => decodeMessage(temporalSchema, name, bytes);
const encode = (name: string, value: Json) => encodeMessage(temporalSchema, name, value);

describe('messages as another implementation writes them', () => {
  test.each(golden)('$name is read as its JSON: $json', ({ name, json, base64 }) => {
    expect(comparable(decode(name, bytesOf(base64)))).toEqual(comparable(json));
  });

  test.each(golden.filter(({ isPart }) => isPart !== true))('$name is written from its JSON, byte for byte', (each) => {
    const written = encode(each.name, each.json);
    // The order of fields is free.
    expect(Buffer.from(written).toSorted()).toEqual(bytesOf(each.base64).toSorted());
    expect(decode(each.name, written)).toEqual(decode(each.name, bytesOf(each.base64)));
  });
});

/** Both forms of a duration and of a time are JSON's: with zeros at the end or without. */
function comparable(value: Json): Json {
  return JSON.parse(
    JSON.stringify(value).replace(
      /(\.\d*?)0*(s|Z)"/g,
      (_all, digits, unit) => `${digits === '.' ? '' : digits}${unit}"`,
    ),
  ) as Json;
}

test('the value 0 of a number, an enum and a text that is left out on the wire is left out of the JSON', () => {
  expect(decode('Status', Buffer.alloc(0))).toEqual({});
});

test('an enum value that the schema does not know is read as its number', () => {
  expect(decode('QueryRejected', Buffer.from([8, 99]))).toEqual({ status: 99 });
});

test('a member of a map whose value is empty is kept', () => {
  expect(decode('Payload', Buffer.from([0x0a, 3, 0x0a, 1, 0x61]))).toEqual({ metadata: { a: '' } });
});

test('a key "__proto__" of a map is a member like any other', () => {
  const written = encode('Payload', JSON.parse('{"metadata":{"__proto__":"AA=="}}') as Json);
  expect(JSON.stringify(decode('Payload', written))).toBe('{"metadata":{"__proto__":"AA=="}}');
});

test.each([
  ['a length beyond the end', [0x0a, 5, 0x61]],
  ['a tag without a value', [0x08]],
  ['a number of eleven bytes', [0x08, ...Array.from({ length: 11 }, () => 0xff)]],
  ['a group', [0x7b]],
  ['a number where a text is due', [0x10, 1]],
  ['a text where a number is due', [0x0a, 0]],
  ['bytes that are not UTF-8', [0x12, 1, 0xff]],
])('%s is refused', (_what, bytes) => {
  expect(() => decode('Status', Uint8Array.from(bytes))).toThrow(ProtobufError);
});

test('a time beyond the calendar is refused', () => {
  const beyond = encode('WorkflowExecutionInfo', { historyLength: '9223372036854775807' });
  // The field of the length, renamed to that of the start, and as the seconds of a message.
  const seconds = Buffer.concat([Buffer.from([8]), beyond.subarray(1)]);
  const bytes = Buffer.concat([Buffer.from([0x1a, seconds.byteLength]), seconds]);
  expect(() => decode('WorkflowExecutionInfo', bytes)).toThrow(ProtobufError);
});

test('a failure with causes without end is refused instead of overflowing the stack', () => {
  let bytes: Uint8Array = Buffer.alloc(0);
  for (let depth = 0; depth < 5000; depth += 1) {
    const length: number[] = [];
    for (let rest = bytes.byteLength; ; rest >>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    bytes = Buffer.concat([Buffer.from([0x22, ...length]), bytes]);
  }
  expect(() => decode('Failure', bytes)).toThrow(ProtobufError);
});

test.each([
  ['a member that the message does not have', 'WorkflowType', { label: 'x' }],
  ['a text in place of a message', 'StartWorkflowExecutionRequest', { workflowType: 'x' }],
  ['a number in place of a text', 'WorkflowType', { name: 1 }],
  ['an enum value that the schema does not have', 'QueryRejected', { status: 'LOST' }],
  ['an object in place of a list', 'Payloads', { payloads: {} }],
  ['a duration that is none', 'StartWorkflowExecutionRequest', { workflowRunTimeout: 'soon' }],
])('writing %s throws', (_what, name, value) => {
  expect(() => encode(name, value as Json)).toThrow(TypeError);
});

test('any bytes are read or refused, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decode('GetWorkflowExecutionHistoryResponse', bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtobufError);
      }
    }),
  );
});

test('what is written is read back', () => {
  const base64 = fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64'));
  const payload = fc.record({
    metadata: fc.dictionary(fc.string(), base64, { minKeys: 1 }),
    data: base64,
  });
  fc.assert(
    fc.property(fc.array(payload, { minLength: 1 }), fc.string({ unit: 'binary' }), (payloads, name) => {
      const value: Json = { workflowType: { name }, input: { payloads } };
      expect(decode('StartWorkflowExecutionRequest', encode('StartWorkflowExecutionRequest', value))).toEqual(value);
    }),
  );
});
