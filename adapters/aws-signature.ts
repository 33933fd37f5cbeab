import { AwsV4Signer } from 'aws4fetch';
import type { Authorize } from '../src/contract/adapter/http.ts';

export type AwsCredentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
  readonly service: string;
  readonly region: string;
};

const addedHeaders = ['authorization', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'];

/** Signs each request by Signature Version 4 of AWS. */
export function signForAws({ sessionToken, ...credentials }: AwsCredentials): Authorize {
  // Keys that are derived for one day; a few days are kept.
  const cache = new Map<string, ArrayBuffer>();
  return async ({ method, url, headers, body }) => {
    if (cache.size > 4) cache.clear();
    const signer = new AwsV4Signer({
      ...{ ...credentials, method, url, cache, headers: { ...headers } },
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(body === null ? {} : { body }),
    });
    const signed = await signer.sign();
    const made = addedHeaders.flatMap((name) => {
      const value = signed.headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    return { headers: Object.fromEntries(made) };
  };
}
