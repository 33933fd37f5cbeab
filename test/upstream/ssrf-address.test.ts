import { describe, expect, test } from 'vitest';
import { isPublicAddress, noExceptions, parseException, parseExceptions } from '../../src/upstream/ssrf-address.ts';
import { refuseProxyUrl, refuseUrl } from '../../src/upstream/ssrf-url.ts';

const notPublic: readonly string[] = [
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.254', '127.0.0.1', '127.1.2.3'],
  ...['169.254.169.254', '169.254.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.0.0.192', '192.0.2.1'],
  ...['192.88.99.1', '198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.7', '224.0.0.1', '239.255.255.250'],
  ...['240.0.0.1', '255.255.255.255', '100.100.100.200', '168.63.129.16'],
  ...['::', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:0:127.0.0.1', '64:ff9b::7f00:1'],
  ...['64:ff9b:1::a00:1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::', '2002:a00:1::1', '3fff::1'],
  ...['fc00::1', 'fd00:ec2::254', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1', '4000::1', '5f00::1'],
  ...['', 'localhost', 'example.com', '1.2.3.4.5'],
];

describe('address classes', () => {
  test.each(notPublic)('the address %s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '169.253.0.1', '2606:4700::1111', '2a00:1450::1'])(
    'the address %s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

/** The same few places, written in every way that a URL parser, or a careless one, understands. */
const bypasses: readonly string[] = [
  ...['http://127.0.0.1/', 'http://127.1/', 'http://127.0.1/', 'http://2130706433/', 'http://0x7f000001/'],
  ...['http://0x7f.0.0.1/', 'http://0177.0.0.1/', 'http://017700000001/', 'http://0x7f.1/', 'http://127.0.0.1./'],
  ...['http://127。0。0。1/', 'http://127．0．0．1/', 'http://１２７.0.0.1/', 'http://⑯⑨.254.169.254/'],
  ...['http://%31%32%37.0.0.1/', 'http://0/', 'http://0.0.0.0:8080/', 'http://3232235521/', 'http://10.0.0.1:80/'],
  ...['http://169.254.169.254/latest/meta-data', 'http://2852039166/', 'http://0xA9FEA9FE/', 'http://100.100.100.200/'],
  ...['http://[::1]/', 'http://[::]/', 'http://[0:0:0:0:0:0:0:1]/', 'http://[::ffff:127.0.0.1]/'],
  ...[
    'http://[::ffff:7f00:1]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::127.0.0.1]/',
    'http://[2002:7f00:1::]/',
  ],
  ...['http://[fe80::1]/', 'http://[fd00:ec2::254]/', 'http://[::127.0.0.1]/', 'http://[ff02::1]/'],
  ...['http://localhost/', 'http://localhost./', 'http://LOCALHOST:3000/', 'http://a.localhost/', 'http://ｌocalhost/'],
  ...['http://printer.local/', 'http://metadata.google.internal/', 'http://metadata/', 'http://redis:6379/'],
  ...['http://router.home.arpa/', 'http://metadata.google.internal./'],
  ...['http://user@hooks.example.com/', 'http://user:pass@hooks.example.com/', 'http://:pass@hooks.example.com/'],
  ...[
    'http://hooks.example.com@127.0.0.1/',
    'http://127.0.0.1#@hooks.example.com/',
    'http://127.0.0.1\\@hooks.example.com/',
  ],
  ...[
    'ftp://hooks.example.com/',
    'file:///etc/passwd',
    'gopher://hooks.example.com/',
    'javascript:alert(1)',
    'data:,x',
  ],
  ...['//hooks.example.com/', 'hooks.example.com', 'http://', 'http:///', 'unix:/run/docker.sock', '', 'http://[::1'],
  `http://hooks.example.com/${'x'.repeat(8192)}`,
];

describe('URLs that a client gives', () => {
  test.each(bypasses)("the client's URL %s is refused", (url) => {
    expect(refuseUrl(url, noExceptions)).not.toBeNull();
  });

  test.each([
    'https://hooks.example.com/a?b=c',
    'http://8.8.8.8:8080/',
    'http://[2606:4700::1111]/',
    'https://bücher.example/',
  ])("the client's URL %s is accepted", (url) => {
    expect(refuseUrl(url, noExceptions)).toBeNull();
  });

  test('the refusal of a URL says what is wrong without repeating the URL', () => {
    expect(refuseUrl('http://u:secret@hooks.example.com/', noExceptions)).toBe('must hold no user and no password');
    expect(refuseUrl('http://2130706433/', noExceptions)).toBe('must not lead to a private address');
    expect(refuseUrl('http://redis/', noExceptions)).toBe('must not lead to a private name');
    expect(refuseUrl('redis://cache.example.com/', noExceptions)).toBe('must be an http or https URL');
  });

  test.each([
    'http://127.0.0.1:8080',
    'socks5://0x7f.1:1080',
    '10.0.0.1:3128',
    'socks5://u:p@[::1]:1080',
    'localhost:3128',
  ])('the proxy %s is refused', (url) => {
    expect(refuseProxyUrl(url, noExceptions)).not.toBeNull();
  });

  test('a proxy with credentials and any scheme is accepted', () => {
    expect(refuseProxyUrl('socks5://user:password@proxy.example.com:1080', noExceptions)).toBeNull();
    expect(refuseProxyUrl('proxy.example.com:3128', noExceptions)).toBeNull();
  });
});

describe('exceptions', () => {
  const exceptions = parseExceptions(['hooks.corp.internal', 'localhost', '10.1.0.0/16', '127.0.0.9', 'fd00::/8']);

  test('exceptions admit a host by its exact name and an address by its range', () => {
    const passes = (url: string) => refuseUrl(url, exceptions) === null;
    expect(
      ['http://HOOKS.corp.internal./', 'http://localhost:9/', 'http://10.1.255.1/', 'http://[fd00::1]/'].map(passes),
    ).toEqual([true, true, true, true]);
    expect(
      ['http://a.localhost/', 'http://10.2.0.1/', 'http://127.0.0.8/', 'http://[::ffff:10.1.0.1]/'].map(passes),
    ).toEqual([false, false, false, false]);
  });

  test.each(['127.1', '2130706433', '0x7f000001', '10.0.0.0/33', 'a b', '', 'http://a/', 'a:80', '*.a.example'])(
    'an exception written as %j is refused',
    (entry) => {
      expect(parseException(entry)).toBeNull();
    },
  );
});
