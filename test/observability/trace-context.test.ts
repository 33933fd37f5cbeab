import { expect, test } from 'vitest';
import { parseTraceContext } from '../../src/observability/trace-context.ts';

const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
const traceparent = `00-${traceId}-${spanId}-01`;

test('a traceparent is taken with its tracestate, and one in several headers is joined', () => {
  expect(parseTraceContext(traceparent, undefined)).toEqual({ traceparent });
  expect(parseTraceContext(traceparent, 'a=1')).toEqual({ traceparent, tracestate: 'a=1' });
  expect(parseTraceContext(traceparent, ['a=1', 'b=2'])).toEqual({ traceparent, tracestate: 'a=1,b=2' });
});

test('a traceparent of a later version is read as far as this version knows it', () => {
  expect(parseTraceContext(`cc-${traceId}-${spanId}-00-more`, '')).toEqual({
    traceparent: `00-${traceId}-${spanId}-00`,
  });
});

test.each([
  undefined,
  '',
  traceId,
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${traceId}-${spanId}-01-more`,
  `ff-${traceId}-${spanId}-01`,
  `00-${traceId}-${spanId}`,
])('a traceparent that is none is passed over: %s', (text) => {
  expect(parseTraceContext(text, 'a=1')).toBeUndefined();
});

test('a tracestate that is too long or not plain text is left out', () => {
  expect(parseTraceContext(traceparent, 'a'.repeat(513))).toEqual({ traceparent });
  expect(parseTraceContext(traceparent, 'a=\u00e9')).toEqual({ traceparent });
});
