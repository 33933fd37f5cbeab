import { describe, expect, test } from 'vitest';
import { openSite, type Site } from './app.ts';

async function post(site: Site, type: string, body: Uint8Array): Promise<readonly [number, unknown]> {
  const answer = await site.fetch('/runs', {
    method: 'POST',
    headers: { 'content-type': type },
    body: Uint8Array.from(body),
  });
  return [answer.status, await answer.json()];
}

const body = '{"input":{"name":"José"}}';

describe('the charset of a body', () => {
  test.each([
    ['application/json', Buffer.from(body)],
    ['application/json; charset=iso-8859-1', Buffer.from(body, 'latin1')],
    ['application/json;charset=latin1', Buffer.from(body, 'latin1')],
    ['application/json; Charset="windows-1252"', Buffer.from(body, 'latin1')],
    ['application/json; charset=utf-16le', Buffer.from(body, 'utf16le')],
    ['application/json; charset=utf-16', Buffer.from(`\ufeff${body}`, 'utf16le')],
  ])('%s is heeded', async (type, bytes) => {
    await using site = await openSite();
    expect((await post(site, type, bytes))[0]).toBe(200);
    expect(site.api.runs.created[0]?.request.input).toEqual({ name: 'José' });
  });

  test.each([
    ['application/json', Buffer.from(body, 'latin1'), 'UTF-8'],
    ['application/json', Buffer.from('7b22612222eda080227d', 'hex'), 'UTF-8'],
    ['application/json', Buffer.from('22c0af22', 'hex'), 'UTF-8'],
    ['application/json; charset=utf-8', Buffer.from('ff', 'hex'), 'UTF-8'],
    ['application/json; charset=utf-16le', Buffer.from('220000d82200', 'hex'), 'UTF-16LE'],
    ['application/json; charset=euc-jp', Buffer.from('22ff22', 'hex'), 'EUC-JP'],
  ])('%s refuses bytes that mean nothing in it with 422, and replaces none', async (type, bytes, charset) => {
    await using site = await openSite();
    const [status, message] = await post(site, type, bytes);
    expect([status, String(message)]).toEqual([
      422,
      expect.stringContaining(`the body has bytes that are not ${charset}`),
    ]);
    expect(site.api.runs.created).toEqual([]);
  });

  test.each(['us-klingon', 'utf-7', 'utf-32', ''])('%j is refused with 415, since it is not known', async (charset) => {
    await using site = await openSite();
    const [status, message] = await post(site, `application/json; charset="${charset}"`, Buffer.from(body));
    expect([status, message]).toEqual([415, expect.stringContaining('the charset is not known')]);
  });

  test('a replacement character that the client sent is passed on', async () => {
    await using site = await openSite();
    expect((await post(site, 'application/json', Buffer.from('{"input":{"a":"\ufffd"}}')))[0]).toBe(200);
    expect(site.api.runs.created[0]?.request.input).toEqual({ a: '\ufffd' });
  });
});
