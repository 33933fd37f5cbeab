import { describe, expect, test } from 'vitest';
import type { CallRule } from '../../src/contract/adapter/http.ts';
import { classifyRpcStatus, httpStatusOf, nameOfCode, readRpcStatus } from '../../src/upstream/rpc-status.ts';

const start = { retry: 'at-most-once' } as const satisfies CallRule;
const look = { retry: 'safe', faults: { refused: 'retry', notFound: 'gone' } } as const satisfies CallRule;

describe('what a gRPC status means where the adapter does not say', () => {
  test.each([
    [1, 'unknown', 'retry', 499],
    [2, 'unknown', 'retry', 500],
    [3, 'rejected', 'retry', 400],
    [4, 'unknown', 'retry', 504],
    [5, 'rejected', 'gone', 404],
    [6, 'rejected', 'retry', 409],
    [7, 'rejected', 'retry', 403],
    [8, 'unknown', 'retry', 429],
    [9, 'rejected', 'retry', 400],
    [10, 'unknown', 'retry', 409],
    [11, 'rejected', 'retry', 400],
    [12, 'rejected', 'retry', 501],
    [13, 'unknown', 'retry', 500],
    [14, 'unknown', 'retry', 503],
    [15, 'unknown', 'retry', 500],
    [16, 'rejected', 'retry', 401],
    [17, 'unknown', 'retry', 500],
    [999, 'unknown', 'retry', 500],
  ] as const)('%i is %s to a start, %s to a look, and stands for HTTP %i', (code, toStart, toLook, httpStatus) => {
    expect(classifyRpcStatus(start, code, null)).toBe(toStart);
    expect(classifyRpcStatus(look, code, null)).toBe(toLook);
    expect(httpStatusOf(code)).toBe(httpStatus);
  });

  test.each([8, 14])('%i to a start is a retry where the server names a time, or the call says so', (code) => {
    expect(classifyRpcStatus(start, code, 0)).toBe('retry');
    expect(classifyRpcStatus({ ...start, faults: { busy: 'retry' } }, code, null)).toBe('retry');
    expect(classifyRpcStatus({ ...start, faults: { busy: 'unknown' } }, code, 1000)).toBe('unknown');
  });

  test('a time to come again changes nothing for other codes', () => {
    expect(classifyRpcStatus(start, 13, 1000)).toBe('unknown');
    expect(classifyRpcStatus(start, 3, 1000)).toBe('rejected');
  });
});

test.each([
  [{ 'grpc-status': '0' }, {}, { code: 0, message: '', details: null }],
  [{ 'grpc-status': '0' }, { 'grpc-status': '13' }, { code: 13, message: '', details: null }],
  [{}, { 'grpc-status': '5', 'grpc-message': 'caf%C3%A9 %zz' }, { code: 5, message: 'caf%C3%A9 %zz', details: null }],
  [{}, { 'grpc-status': '5', 'grpc-message': 'caf%C3%A9' }, { code: 5, message: 'café', details: null }],
  [
    {},
    { 'grpc-status': '6', 'grpc-status-details-bin': 'CAY' },
    { code: 6, message: '', details: Buffer.from([8, 6]) },
  ],
  [{}, { 'grpc-status': ['9', '0'] }, { code: 9, message: '', details: null }],
  [{}, { 'grpc-status': 'OK' }, null],
  [{}, { 'grpc-status': '-1' }, null],
  [{}, {}, null],
])('headers %j and trailers %j have the status %j', (headers, trailers, expected) => {
  expect(readRpcStatus(headers, trailers)).toEqual(expected);
});

test('a status is named in words, and one that is not known by its number', () => {
  expect([nameOfCode(14), nameOfCode(77)]).toEqual(['14 (UNAVAILABLE)', '77']);
});
