import { importPKCS8, SignJWT } from 'jose';
import type { Credentials } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type Authorizer, clientAuthorizer, tokenAuthorizer } from '../authorizer.ts';
import { signForAws } from '../aws-signature.ts';
import { readServiceAccount } from './members.ts';
import { fillNames, parseNames } from './names.ts';
import { readMember, type VendorAuth, type VendorFile } from './schema.ts';

type Settings = Readonly<Record<string, string | undefined>>;

/** The scope that Google's own libraries ask for where nothing else is said. */
const googleScope = 'https://www.googleapis.com/auth/cloud-platform';

/** Undefined: no credentials are sent, because the file has no `auth` or an optional setting is left out. */
export function createAuthorizer(file: VendorFile, values: JsonObject, http: HttpClient): Authorizer | undefined {
  const settings = textsOf(values);
  const { auth } = file;
  if (auth?.bearer !== undefined) return bearer(settings[auth.bearer]);
  if (auth?.header !== undefined) return header(auth.header, settings);
  if (auth?.basic !== undefined) return basic(auth.basic, settings);
  if (auth?.query !== undefined) return query(auth.query, settings);
  if (auth?.oauth2 !== undefined) return oauth2(auth.oauth2, { file, settings, http });
  if (auth?.googleServiceAccount !== undefined) return google(settings[auth.googleServiceAccount], http);
  if (auth?.awsSigV4 !== undefined) return awsSigV4(auth.awsSigV4, settings);
  return undefined;
}

function textsOf(values: JsonObject): Settings {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? value : undefined]),
  );
}

function constant(credentials: Credentials): Authorizer {
  return { authorize: () => credentials };
}

function bearer(token: string | undefined): Authorizer | undefined {
  return token === undefined ? undefined : constant({ headers: { authorization: `Bearer ${token}` } });
}

function header({ name, value }: NonNullable<VendorAuth['header']>, settings: Settings): Authorizer | undefined {
  const text = fillNames(parseNames(value), (each) => settings[each]);
  return text === null ? undefined : constant({ headers: { [name.toLowerCase()]: text } });
}

function basic({ user, password }: NonNullable<VendorAuth['basic']>, settings: Settings): Authorizer | undefined {
  const name = settings[user];
  if (name === undefined) return undefined;
  const pair = `${name}:${(password === undefined ? undefined : settings[password]) ?? ''}`;
  const encoded = Buffer.from(pair).toString('base64');
  return constant({ headers: { authorization: `Basic ${encoded}` }, secrets: [encoded] });
}

function query({ name, value }: NonNullable<VendorAuth['query']>, settings: Settings): Authorizer | undefined {
  const text = fillNames(parseNames(value), (each) => settings[each]);
  return text === null ? undefined : constant({ query: { [name]: text } });
}

function oauth2(
  { tokenUrl, clientId, clientSecret, scope }: NonNullable<VendorAuth['oauth2']>,
  { file, settings, http }: { readonly file: VendorFile; readonly settings: Settings; readonly http: HttpClient },
): Authorizer | undefined {
  // A URL that is one whole setting stays as it is; in every other place a setting is one part of the URL.
  const inUrl = (name: string) => {
    const value = settings[name];
    const isUrl = readMember(file.settings[name] ?? 'text').kind === 'url';
    return value === undefined || isUrl ? value : encodeURIComponent(value);
  };
  const url = fillNames(parseNames(tokenUrl), inUrl);
  const [id, secret] = [settings[clientId], settings[clientSecret]];
  if (url === null || id === undefined || secret === undefined) return undefined;
  const asked = scope === undefined ? null : fillNames(parseNames(scope), (name) => settings[name]);
  return clientAuthorizer({ tokenUrl: url, clientId: id, clientSecret: secret, scope: asked }, http);
}

function google(text: string | undefined, http: HttpClient): Authorizer | undefined {
  if (text === undefined) return undefined;
  const { client_email: email, private_key: key, private_key_id: keyId, token_uri: url } = readServiceAccount(text);
  return tokenAuthorizer(http, async () => {
    const assertion = await new SignJWT({ scope: googleScope })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) })
      .setIssuer(email)
      .setAudience(url)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(await importPKCS8(key, 'RS256'));
    const form = [
      ['grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
      ['assertion', assertion],
    ] as const;
    return { url, form };
  });
}

function awsSigV4(aws: NonNullable<VendorAuth['awsSigV4']>, settings: Settings): Authorizer | undefined {
  const fill = (text: string) => fillNames(parseNames(text), (name) => settings[name]);
  const [service, region] = [fill(aws.service), fill(aws.region)];
  const [accessKeyId, secretAccessKey] = [settings[aws.accessKeyId], settings[aws.secretAccessKey]];
  if (service === null || region === null || accessKeyId === undefined || secretAccessKey === undefined)
    return undefined;
  const sessionToken = aws.sessionToken === undefined ? undefined : settings[aws.sessionToken];
  return { authorize: signForAws({ accessKeyId, secretAccessKey, sessionToken, service, region }) };
}
