import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import type { CaseAnswered, CaseSent, VendorCases } from '../../../src/vendors/case-schema.ts';

type Exchange = { readonly sent: CaseSent; readonly answered: CaseAnswered | undefined };

/** How a client differs from the file, which is written beside the client with the reason. */
export type Additions = {
  /** Members that it adds. */
  readonly body?: readonly string[];
  readonly query?: readonly string[];
  /** Members of which only that they are there is compared. */
  readonly unlike?: readonly string[];
};

/**
 * A server that answers a vendor's own client as the cases of a vendor file say that the vendor answers. Whatever the client
 * sends otherwise than the file does is a difference.
 */
export class ReplayedVendor {
  readonly #exchanges: readonly Exchange[];
  readonly #basePath: string;
  readonly #additions: Additions;
  readonly #answers = new Map<string, number>();
  readonly #server: Server;
  readonly differences: string[] = [];
  readonly heard: string[] = [];

  constructor(cases: VendorCases, basePath: string, additions: Additions) {
    this.#exchanges = exchangesOf(cases);
    this.#basePath = basePath;
    this.#additions = additions;
    this.#server = createServer(async (request, response) => {
      const answer = await this.#answer(request);
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers }).end(answer.body);
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('the server has no port');
    return `http://127.0.0.1:${address.port}${this.#basePath}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; headers: Record<string, string>; body: string }> {
    const url = new URL(request.url ?? '/', 'http://vendor');
    const path = url.pathname.startsWith(this.#basePath) ? url.pathname.slice(this.#basePath.length) : url.pathname;
    const key = `${request.method} ${path}`;
    const body = await text(request);
    this.heard.push(key);
    const fitting = this.#exchanges.filter(({ sent }) => `${sent.method} ${sent.path}` === key);
    const index = this.#answers.get(key) ?? 0;
    this.#answers.set(key, index + 1);
    const exchange = fitting[Math.min(index, fitting.length - 1)];
    if (exchange === undefined) {
      this.differences.push(`${key} is sent by the client, and by no case`);
      return { status: 404, headers: {}, body: '{}' };
    }
    this.#compare(key, exchange.sent, { url, body, headers: request.headers });
    const { answered } = exchange;
    if (answered === undefined || typeof answered === 'string') return { status: 500, headers: {}, body: '{}' };
    return {
      status: answered.status,
      headers: answered.headers ?? {},
      body: answered.text ?? JSON.stringify(answered.body ?? {}),
    };
  }

  #compare(
    key: string,
    sent: CaseSent,
    { url, body, headers }: { url: URL; body: string; headers: IncomingMessage['headers'] },
  ): void {
    for (const [name, value] of Object.entries(sent.headers ?? {})) {
      if (headers[name] !== value)
        this.differences.push(`${key}: the header ${name} is ${headers[name] ?? 'left out'}`);
    }
    const query = Object.fromEntries(url.searchParams);
    for (const name of this.#additions.query ?? []) if (!(name in sent.query)) delete query[name];
    if (!isDeepStrictEqual(query, { ...sent.query }))
      this.differences.push(`${key}: the query is ${JSON.stringify(query)}`);
    if (sent.body === undefined) return;
    const given: unknown = JSON.parse(body);
    const known: unknown = JSON.parse(JSON.stringify(sent.body));
    const { body: added = [], unlike = [] } = this.#additions;
    if (!isDeepStrictEqual(blank(without(given, known, added), unlike), blank(known, unlike)))
      this.differences.push(`${key}: the body is ${body}`);
  }
}

/** The value without members that the client is known to add. */
function without(value: unknown, known: unknown, added: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const of = (name: string): unknown =>
    typeof known === 'object' && known !== null ? Object.entries(known).find(([key]) => key === name)?.[1] : undefined;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !added.includes(name) || of(name) !== undefined)
      .map(([name, member]) => [name, without(member, of(name), added)]),
  );
}

/** The value with members that differ taken as equal. */
function blank(value: unknown, names: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, names.includes(name) ? 'there' : blank(member, names)]),
  );
}

/** What the first case exchanges, and each that cancels. A step that does not say what is sent repeats the last of its kind. */
function exchangesOf({ cases }: VendorCases): readonly Exchange[] {
  const chosen = cases.filter(({ steps }, index) => index === 0 || steps.some((step) => step.do === 'cancel'));
  const last = new Map<string, CaseSent>();
  return chosen.flatMap(({ steps }) =>
    steps.flatMap((step) =>
      (step.calls ?? [{ sent: step.sent, answered: step.answered }]).flatMap(({ sent, answered }, index) => {
        const place = `${step.do} ${index}`;
        const said = sent ?? last.get(place);
        if (said === undefined) return [];
        last.set(place, said);
        return [{ sent: said, answered }];
      }),
    ),
  );
}
