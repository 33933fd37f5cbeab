import { expect, test } from 'vitest';
import type { Check } from '../../src/contract/domain/agent.ts';
import { compileCheck, rememberEmpty } from '../../src/validation/json-schema.ts';

test('a remembering check runs once for empty objects and each time for other values', () => {
  const check = compileCheck({ type: 'object', required: ['a'] }, 'config');
  let asked = 0;
  const counted: Check = (value) => {
    asked += 1;
    return check(value);
  };
  const remembering = rememberEmpty(counted);
  const missing = { path: 'config/a', message: 'is required' };
  expect([
    remembering({}),
    remembering({}),
    remembering({ b: 1 }),
    remembering({ a: 1 }),
    remembering([]),
  ]).toMatchObject([missing, missing, missing, null, { path: 'config' }]);
  expect(asked).toBe(4);
});
