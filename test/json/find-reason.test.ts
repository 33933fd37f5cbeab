import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { findReason } from '../../src/json/find-reason.ts';

const found: readonly (readonly [text: string, reason: string])[] = [
  ['"boom"', 'boom'],
  ['7', '7'],
  ['9007199254740993', '9007199254740993'],
  ['{"error":"boom"}', 'boom'],
  ['{"error":42}', '42'],
  ['{"error":{"message":"boom"}}', 'boom'],
  ['{"error":{"message":{"text":"boom"}}}', 'boom'],
  ['{"error":["boom","bang"]}', 'boom; bang'],
  ['{"error":["boom","boom"]}', 'boom'],
  ['{"error":[null,{"message":"boom"}]}', 'boom'],
  ['{"error":null,"message":"boom"}', 'boom'],
  ['{"error":"  ","message":"boom"}', 'boom'],
  ['{"error":{"code":"E42"}}', 'E42'],
  ['{"error":{},"detail":"boom"}', 'boom'],
  ['{"reason":"boom"}', 'boom'],
  ['{"reason":{"type":"terminated"}}', 'terminated'],
  ['{"errors":[{"title":"boom"}]}', 'boom'],
  ['{"errors":{"0":{"x":1}},"cause":{"message":"boom"}}', 'boom'],
  ['{"detail":[{"loc":["body"],"msg":"boom"}]}', 'boom'],
  ['{"error":{"cause":{"error":{"message":"boom"}}}}', 'boom'],
  ['{"error_description":"boom"}', 'boom'],
  ['{"exception":{"name":"TypeError"}}', 'TypeError'],
];

const none: readonly string[] = [
  ...['null', 'true', '""', '[]', '{}', '{"error":null}', '{"error":true}', '{"error":{}}', '{"error":[[]]}'],
  ...['{"status":"failed","code":7}', '{"title":"my run"}', '{"result":{"message":"boom"}}'],
  `${'{"error":'.repeat(50)}"too deep"${'}'.repeat(50)}`,
];

describe("a vendor's own words for a failure", () => {
  test.each(found)('the words are found in %s', (text, reason) => {
    expect(findReason(readJson(text) as Json)).toBe(reason);
  });

  test.each(none)('no words are made up for %s', (text) => {
    expect(findReason(readJson(text) as Json)).toBeNull();
  });

  test('a member that an object only inherits holds no reason', () => {
    expect(findReason(Object.create({ error: 'boom' }) as Json)).toBeNull();
  });
});
