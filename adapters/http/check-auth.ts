import { isSecret } from './members.ts';
import { namesIn } from './names.ts';
import type { VendorProblem } from './problems.ts';
import { readMember, type VendorAuth, type VendorFile, type VendorVerification } from './schema.ts';

type Named = { readonly keys: readonly string[]; readonly name: string; readonly mustBeSecret: boolean };

/** Finds settings that `auth` and `push` name and that are not declared, or that are shown although they are secrets. */
export function checkAuth(file: VendorFile): readonly VendorProblem[] {
  const named = [
    ...(file.auth === undefined ? [] : namesOfAuth(file.auth)),
    ...(file.push?.account === undefined ? [] : namesOfVerification(file.push.account.verify)),
  ];
  const known = Object.keys(file.settings);
  return named.flatMap(({ keys, name, mustBeSecret }): readonly VendorProblem[] => {
    const written = file.settings[name];
    if (written === undefined) {
      return [{ keys, message: `names the setting ${name}, which is not declared`, given: name, known }];
    }
    if (mustBeSecret && !isSecret(written)) {
      return [
        { keys, message: `names the setting ${name}, which must be a secret and is a ${readMember(written).kind}` },
      ];
    }
    return [];
  });
}

function namesOfAuth(auth: VendorAuth): readonly Named[] {
  const secret = (keys: readonly string[], name: string | undefined): readonly Named[] =>
    name === undefined ? [] : [{ keys: ['auth', ...keys], name, mustBeSecret: true }];
  const plain = (keys: readonly string[], name: string | undefined): readonly Named[] =>
    name === undefined ? [] : [{ keys: ['auth', ...keys], name, mustBeSecret: false }];
  const inText = (keys: readonly string[], text: string | undefined): readonly Named[] =>
    namesIn(text ?? '').flatMap((name) => plain(keys, name));
  const { bearer, header, basic, query, oauth2, googleServiceAccount, awsSigV4 } = auth;
  return [
    ...secret(['bearer'], bearer),
    ...inText(['header', 'value'], header?.value),
    ...plain(['basic', 'user'], basic?.user),
    ...secret(['basic', 'password'], basic?.password),
    ...inText(['query', 'value'], query?.value),
    ...inText(['oauth2', 'tokenUrl'], oauth2?.tokenUrl),
    ...plain(['oauth2', 'clientId'], oauth2?.clientId),
    ...secret(['oauth2', 'clientSecret'], oauth2?.clientSecret),
    ...inText(['oauth2', 'scope'], oauth2?.scope),
    ...secret(['googleServiceAccount'], googleServiceAccount),
    ...inText(['awsSigV4', 'service'], awsSigV4?.service),
    ...inText(['awsSigV4', 'region'], awsSigV4?.region),
    ...plain(['awsSigV4', 'accessKeyId'], awsSigV4?.accessKeyId),
    ...secret(['awsSigV4', 'secretAccessKey'], awsSigV4?.secretAccessKey),
    ...secret(['awsSigV4', 'sessionToken'], awsSigV4?.sessionToken),
  ];
}

function namesOfVerification({ standardWebhooks, hmacSha256, header }: VendorVerification): readonly Named[] {
  const all = [
    ['standardWebhooks', standardWebhooks],
    ['hmacSha256', hmacSha256?.secret],
    ['header', header?.is],
  ] as const;
  return all.flatMap(([kind, name]) => {
    if (name === undefined) return [];
    const inner = kind === 'hmacSha256' ? ['secret'] : kind === 'header' ? ['is'] : [];
    return [{ keys: ['push', 'account', 'verify', kind, ...inner], name, mustBeSecret: true }];
  });
}
