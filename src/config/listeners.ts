import { dirname, resolve } from 'node:path';
import { isJsonObject } from '../json/json-object.ts';
import { readDocument } from './document.ts';
import { maxConfigBytes, maxSecretBytes, readText } from './files.ts';
import { type Environment, interpolate } from './interpolate.ts';
import { adminSchema, serverSchema } from './sections.ts';

/** Where a gateway with a config listens: for clients, and for operators. A port of 0 is known to the gateway alone. */
export type Listeners = {
  readonly clients: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
};

/**
 * Reads no more of a config than where it listens, so that its secrets need not be there. Throws an Error that says what is
 * wrong with these sections.
 */
export async function readListeners(file: string, env: Environment): Promise<Listeners> {
  const text = await readText(file, maxConfigBytes).catch((error: Error) => {
    throw new Error(`${file} cannot be read: ${error.message}`);
  });
  const { value, problems } = readDocument(text);
  const [problem] = problems;
  if (problem !== undefined) throw new Error(`${file}: ${problem.message}`);
  const { server: serverSection, admin: adminSection } = isJsonObject(value) ? value : {};
  const readSecret = (path: string) => readText(resolve(dirname(resolve(file)), path), maxSecretBytes);
  const sections = { server: serverSection ?? {}, admin: adminSection ?? {} };
  const { value: raw } = await interpolate(sections, env, readSecret, () => false);
  const { server: givenServer, admin: givenAdmin } = raw as { server: unknown; admin: unknown };
  const server = serverSchema.safeParse(withNumber(givenServer));
  const admin = adminSchema.safeParse(withNumber(givenAdmin));
  if (!server.success || !admin.success)
    throw new Error(`${file}: "rungate check" says what is wrong with its listeners`);
  const clients = { host: server.data.host, port: server.data.port };
  const { host, port } = admin.data;
  return { clients, admin: port === null ? clients : { host, port } };
}

/** A placeholder gives text, also where it stands for a port. */
function withNumber(section: unknown): unknown {
  if (!isJsonObject(section) || typeof section.port !== 'string' || !/^\d+$/.test(section.port)) return section;
  return { ...section, port: Number(section.port) };
}
