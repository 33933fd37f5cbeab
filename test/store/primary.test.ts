import { describe, expect, test } from 'vitest';
import { Primary } from '../../src/store/postgres/primary.ts';
import { splitServers } from '../../src/store/server-urls.ts';

describe('the servers of a store URL', () => {
  test.each([
    ['postgres://h/d', ['postgres://h/d']],
    [
      'postgres://u:p%40@a:5432,b/d?sslmode=require',
      ['postgres://u:p%40@a:5432/d?sslmode=require', 'postgres://u:p%40@b/d?sslmode=require'],
    ],
    ['postgresql://[::1]:5432,b:1/d', ['postgresql://[::1]:5432/d', 'postgresql://b:1/d']],
    ['postgres://a,b/d?target_session_attrs=read-write', ['postgres://a/d', 'postgres://b/d']],
    ['postgres://a/d?target_session_attrs=read-write&sslmode=require', ['postgres://a/d?sslmode=require']],
    ['postgres://a/d?sslmode=require&target_session_attrs=any', ['postgres://a/d?sslmode=require']],
    ['sqlite:./a,b.db', ['sqlite:./a,b.db']],
  ])('the URL %s names its servers', (url, servers) => {
    expect(splitServers(url)).toEqual(servers);
  });

  test('the next server is used after one that cannot be, and the first one after the last', () => {
    const primary = new Primary('postgres://a,b/d');
    expect([primary.url, primary.serverCount]).toEqual(['postgres://a/d', 2]);
    primary.moveOn('postgres://a/d');
    expect(primary.url).toBe('postgres://b/d');
    // Found by another connection to the same server, after the first one had moved on.
    primary.moveOn('postgres://a/d');
    expect(primary.url).toBe('postgres://b/d');
    primary.moveOn('postgres://b/d');
    expect(primary.url).toBe('postgres://a/d');
  });
});

describe('a server that a connection was opened to', () => {
  const on = (timeline: string) => ({ isReadOnly: false, timeline });

  const standby = { isReadOnly: true, timeline: '' };

  test('a standby of several servers is refused', () => {
    expect(() => new Primary('postgres://a,b/d').admit(standby)).toThrow(/takes no writes/);
  });

  test('the only server is admitted for reads while it takes no writes, and is none that was promoted', () => {
    const primary = new Primary('postgres://a/d');
    expect([primary.admit(standby), primary.admit(on('00000001')), primary.admit(standby)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  test('a promoted server is admitted and found to be newer, and the one that it replaced is refused', () => {
    const primary = new Primary('postgres://a,b/d');
    expect(primary.admit(on('00000001'))).toBe(false);
    expect(primary.admit(on('00000001'))).toBe(false);
    expect(primary.admit(on('00000002'))).toBe(true);
    expect(() => primary.admit(on('00000001'))).toThrow(/replaced/);
    expect(primary.admit(on('0000000A'))).toBe(true);
    expect(() => primary.admit(on('00000009'))).toThrow(/replaced/);
  });

  test('a server that does not say its timeline is admitted', () => {
    const primary = new Primary('postgres://a/d');
    expect(primary.admit(on('00000002'))).toBe(false);
    expect(primary.admit(on(''))).toBe(false);
    expect(() => primary.admit(on('00000001'))).toThrow(/replaced/);
  });
});
