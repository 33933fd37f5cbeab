import { existsSync } from 'node:fs';
import type { z } from 'zod';
import { type Listeners, readListeners } from '../config/listeners.ts';
import { isJsonObject } from '../json/json-object.ts';
import { CommandFailure, type CommandLine, exitCodes, type Flag, UsageError, usualConfigFile } from './command.ts';
import { printable } from './terminal.ts';

/** The flags of every command that talks to a running gateway. */
export const gatewayFlags: Readonly<Record<'url' | 'config', Flag>> = {
  url: {
    value: 'URL',
    help: 'The gateway. Default: `RUNGATE_URL`, then what the config says, then `http://127.0.0.1:8080`.',
  },
  config: {
    value: 'FILE',
    help: 'The config of the gateway, for its address. Default: `rungate.yaml` if it is there.',
  },
};

export type Call = {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** JSON text. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
};

export type Reply<T> = { readonly status: number; readonly value: T; readonly text: string };

/** Speaks to a running gateway by HTTP. Every method throws `CommandFailure` with a sentence for people. */
export class GatewayClient {
  readonly url: string;
  readonly #key: string | undefined;

  constructor(url: string, key: string | undefined) {
    this.url = url;
    this.#key = key;
  }

  /** Finds the gateway that the command line, the environment or the config names. */
  static async find(line: CommandLine, listener: keyof Listeners = 'admin'): Promise<GatewayClient> {
    const { RUNGATE_URL, RUNGATE_KEY } = process.env;
    return new GatewayClient(await findUrl(line, listener, RUNGATE_URL), RUNGATE_KEY || undefined);
  }

  async ask<Schema extends z.ZodType>(schema: Schema, call: Call): Promise<Reply<z.output<Schema>>> {
    const answer = await this.open(call);
    const text = await answer.text().catch((error: unknown) => this.#fail(error));
    const parsed = schema.safeParse(parseOrNull(text));
    if (parsed.success) return { status: answer.status, value: parsed.data, text };
    throw new CommandFailure(`${this.url} answers as no rungate of this version does; is it one?`, exitCodes.failed);
  }

  /** An answer whose body is not yet read. */
  async open({ method = 'GET', path, query = {}, body, headers = {}, signal }: Call): Promise<Response> {
    const url = new URL(`${this.url}${path}`);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const answer = await fetch(url, {
      method,
      headers: {
        ...headers,
        ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      redirect: 'error',
      signal: signal ?? null,
    }).catch((error: unknown) => this.#fail(error));
    if (answer.ok) return answer;
    const said = printable(reasonIn(await answer.text().catch(() => '')));
    const isDenied = answer.status === 401 || answer.status === 403;
    const advice = this.#key === undefined ? 'set RUNGATE_KEY to a key' : 'the key of RUNGATE_KEY may not do that';
    throw new CommandFailure(
      `${this.url} answers ${answer.status}${said === '' ? '' : `: ${said}`}${isDenied ? `; ${advice}` : ''}`,
      isDenied ? exitCodes.denied : exitCodes.failed,
    );
  }

  #fail(error: unknown): never {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const said = cause instanceof Error ? cause.message || String('code' in cause ? cause.code : '') : String(cause);
    throw new CommandFailure(`no gateway answers at ${this.url}: ${said}`, exitCodes.unreachable);
  }
}

async function findUrl(line: CommandLine, listener: keyof Listeners, fromEnvironment?: string): Promise<string> {
  const named = line.text('url');
  const file = line.text('config');
  if (named !== undefined) return checkUrl(named, '--url');
  if (file !== undefined) return await urlOf(file, listener);
  if (fromEnvironment !== undefined && fromEnvironment !== '') return checkUrl(fromEnvironment, 'RUNGATE_URL');
  return existsSync(usualConfigFile) ? await urlOf(usualConfigFile, listener) : 'http://127.0.0.1:8080';
}

function checkUrl(text: string, name: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new UsageError(`${name} takes a URL with http or https`);
  if (url.username !== '' || url.password !== '') throw new UsageError(`${name} holds a password; use RUNGATE_KEY`);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

async function urlOf(file: string, listener: keyof Listeners): Promise<string> {
  const { host, port } = (await readListeners(file, process.env))[listener];
  if (port === 0) throw new UsageError(`${file} lets the gateway pick its port; name it by --url`);
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}

/** What an error of either API says, in words. */
function reasonIn(text: string): string {
  const body = parseOrNull(text);
  const error = isJsonObject(body) && isJsonObject(body.error) ? body.error : body;
  if (typeof error === 'string') return error;
  if (!isJsonObject(error)) return '';
  const { message, detail, path } = error;
  const said = [message, detail].filter((each) => typeof each === 'string').join('; ');
  return typeof path === 'string' ? `${path}: ${said}` : said;
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
