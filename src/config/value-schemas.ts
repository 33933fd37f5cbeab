import { z } from 'zod';
import { maxWaitSeconds } from '../contract/domain/clock.ts';
import { splitServers } from '../store/server-urls.ts';
import { parseException } from '../upstream/ssrf-address.ts';
import { readPlainHost } from '../validation/host-name.ts';

export const seconds = z.number().positive().max(maxWaitSeconds);
export const milliseconds = z
  .number()
  .positive()
  .max(maxWaitSeconds * 1000);
export const count = z.int().positive();
export const jsonObject = z.record(z.string(), z.json());

/** An absolute http or https URL, returned without its trailing slash. Its problems never quote it. */
export const baseUrl = z.string().transform((text, context) => {
  const refuse = (message: string): never => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  const url = URL.parse(text);
  if (url === null) return refuse('must be an absolute URL, such as https://host/path');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return refuse('must begin with http:// or https://');
  if (url.username !== '' || url.password !== '') return refuse('must hold no credentials');
  if (url.search !== '' || url.hash !== '') return refuse('must hold no query and no fragment');
  return url.href.replace(/\/+$/, '');
});

/** A URL with names in braces behind its host. What is put there cannot change where it leads. */
export const pageTemplate = z
  .string()
  .max(2000)
  .refine(
    (text) => /^https?:\/\/[^/?#{}\s\\]+[/?#]/i.test(text),
    'must begin with http:// or https://, a host and a slash',
  )
  .refine((text) => {
    const url = URL.parse(text.replaceAll(/\{\w+\}/g, 'id'));
    return url !== null && url.username === '' && url.password === '';
  }, 'must be a URL without credentials')
  .refine((text) => /\{\w+\}/.test(text), 'must have the name of an id in braces, such as {runId}')
  .refine((text) => !/[{}]/.test(text.replaceAll(/\{\w+\}/g, '')), 'has a brace that belongs to no name');

export const storeUrl = z.string().refine(isStoreUrl, 'must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE');

export const postgresUrl = z
  .string()
  .refine((url) => !/\s/.test(url) && isPostgresUrl(url), 'must be postgres://USER:PASSWORD@HOST/DATABASE');

/** As a browser sends it, or `*` for every origin. */
export const origin = z
  .string()
  .refine(
    (text) => text === '*' || URL.parse(text)?.origin === text,
    'must be an origin, such as https://app.example, or "*"',
  );

/** A host as it stands in URLs, without a port, or `*` for every host. */
export const servedHost = z
  .string()
  .refine(
    (text) => text === '*' || readPlainHost(text) !== null,
    'must be a host name or an address without a port, such as rungate.internal, or "*"',
  );

/** The format of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes. Its problem never quotes it. */
export const webhookSecret = z
  .string()
  .refine(
    (text) => /^whsec_(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) && isKeyLength(text),
    'must be "whsec_" and the base64 of 24 to 64 random bytes',
  );

/** A host, an address or a range that client-supplied URLs may lead to although it is not public. */
export const allowedHost = z
  .string()
  .refine((entry) => parseException(entry) !== null, 'must be a host, an address or a range');

function isStoreUrl(url: string): boolean {
  // URL.canParse overlooks them, and they would become part of the name of a file or a database.
  if (/^\s|^\w+:\s|\s$/.test(url) || /\p{Cc}/u.test(url)) return false;
  if (url.startsWith('sqlite:')) return url.length > 'sqlite:'.length;
  return isPostgresUrl(url);
}

function isPostgresUrl(url: string): boolean {
  return /^postgres(ql)?:\/\//.test(url) && splitServers(url).every((server) => URL.canParse(server));
}

function isKeyLength(secret: string): boolean {
  const { length } = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return length >= 24 && length <= 64;
}
