import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export type SignedRequest = {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Signing = { readonly secretAccessKey: string; readonly region: string; readonly service: string };

/** Signature Version 4 of a request as it arrived, computed anew over the headers that its `Authorization` names. */
export function signatureOf(
  { method, path, headers, body }: SignedRequest,
  { secretAccessKey, region, service }: Signing,
): string {
  const [, signed = ''] = /SignedHeaders=([^,]+), /.exec(headers.authorization ?? '') ?? [];
  const date = String(headers['x-amz-date']).slice(0, 8);
  const [rawPath = '', query = ''] = path.split('?');
  const sha = (text: string) => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const canonical = [
    method,
    // What stands in the path is encoded once more, for every service but S3.
    rawPath.split('/').map(encodeURIComponent).join('/'),
    query,
    ...signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed,
    sha(body),
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], `${date}/${region}/${service}/aws4_request`, sha(canonical)];
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${secretAccessKey}`, date));
  return hmac(key, text.join('\n')).toString('hex');
}
