import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { CaseAnswered, CaseSent, VendorCases } from '../../../src/vendors/case-schema.ts';
import type { Answer, HeardCall } from './heard-vendor.ts';

type Exchange = { readonly sent: CaseSent; readonly answered: CaseAnswered | undefined };

/** How a client differs from the file, which is written beside the client with the reason. */
export type Additions = {
  /** Members that it adds. */
  readonly body?: readonly string[];
  readonly query?: readonly string[];
  /** Members of which only that they are there is compared. */
  readonly unlike?: readonly string[];
  /** Calls that it makes besides, such as `POST /login`. */
  readonly calls?: readonly string[];
  /** It sends what it sends as the only item of a list. */
  readonly isList?: boolean;
};

/** Texts of the cases, and what stands in their place: ids that a stand-in gave, names that it has. */
export type Names = Readonly<Record<string, string | readonly string[]>>;

/** What the cases of a vendor file say that is sent, and answered. */
export class CaseCalls {
  readonly #exchanges: readonly Exchange[];

  constructor(cases: VendorCases) {
    this.#exchanges = exchangesOf(cases);
  }

  /** Answers as the cases say that the vendor answers, call by call. */
  replay(): (call: HeardCall) => Answer {
    const take = this.#turns();
    return (call) => {
      const answered = take(withMethod(call.key, call.body))?.answered;
      if (answered === undefined) return { status: 404, body: '{}' };
      if (typeof answered === 'string') return { status: 500, body: '{}' };
      const { status, headers, text, body = {} } = answered;
      return { status, headers, body: text ?? JSON.stringify(withIdOf(call, body)) };
    };
  }

  /** Where a client sends something else than the file does. */
  compare(calls: readonly HeardCall[], additions: Additions, names: Names): readonly string[] {
    const take = this.#turns();
    return calls.flatMap((call) => {
      if (additions.calls?.includes(call.key) === true) return [];
      const named = nameAsCases(call, names);
      const exchange = take(withMethod(named.key, named.body));
      if (exchange === undefined) return [`${named.key} is sent by the client, and by no case`];
      return compareCall(exchange.sent, named, additions).map((difference) => `${named.key}: ${difference}`);
    });
  }

  /** The exchanges of one request in their order; further requests of the kind have the last one. */
  #turns(): (key: string) => Exchange | undefined {
    const turns = new Map<string, number>();
    return (key) => {
      const fitting = this.#exchanges.filter(
        ({ sent }) => withMethod(`${sent.method} ${pathOf(sent)}`, JSON.stringify(sent.body ?? null)) === key,
      );
      const turn = turns.get(key) ?? 0;
      turns.set(key, turn + 1);
      return fitting[Math.min(turn, fitting.length - 1)];
    };
  }
}

/** An answer of JSON-RPC has the id of its call. */
function withIdOf({ body }: HeardCall, answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('jsonrpc' in answer)) return answer;
  const { id } = z.looseObject({ id: z.json() }).parse(JSON.parse(body));
  return { ...answer, id };
}

/** A call to another host of the vendor has its URL, and the client is pointed at one server for all hosts. */
function pathOf({ path, url }: CaseSent): string | undefined {
  return url === undefined ? path : new URL(url).pathname;
}

/** All calls of JSON-RPC go to one path. */
function withMethod(key: string, body: string): string {
  const method = /"jsonrpc":/.test(body) ? /"method":"([\w/]+)"/.exec(body)?.[1] : undefined;
  return method === undefined ? key : `${key} ${method}`;
}

function compareCall(sent: CaseSent, call: HeardCall, additions: Additions): readonly string[] {
  const differences: string[] = [];
  for (const [name, value] of Object.entries(sent.headers ?? {})) {
    if (call.headers[name] !== value) differences.push(`the header ${name} is ${call.headers[name] ?? 'left out'}`);
  }
  const query = Object.fromEntries(
    Object.entries(call.query).filter(([name]) => name in sent.query || additions.query?.includes(name) !== true),
  );
  if (!isDeepStrictEqual(query, { ...sent.query })) differences.push(`the query is ${JSON.stringify(query)}`);
  if (sent.body === undefined) return differences;
  const whole: unknown = JSON.parse(call.body);
  const given: unknown = additions.isList === true && Array.isArray(whole) ? whole[0] : whole;
  const known: unknown = JSON.parse(JSON.stringify(sent.body));
  const { body: added = [], unlike = [] } = additions;
  if (!isDeepStrictEqual(blank(without(given, known, added), unlike), blank(known, unlike)))
    differences.push(`the body is ${call.body}`);
  return differences;
}

/** The call in the names of the cases. */
function nameAsCases(call: HeardCall, names: Names): HeardCall {
  const rename = (text: string): string =>
    Object.entries(names).reduce(
      (renamed, [ours, theirs]) => [theirs].flat().reduce((all, each) => all.replaceAll(each, ours), renamed),
      text,
    );
  const query = Object.entries(call.query).map(([name, value]) => [name, renameInside(value, rename)]);
  return { ...call, key: rename(call.key), query: Object.fromEntries(query), body: rename(call.body) };
}

/** Apify takes JSON as Base64. */
function renameInside(value: string, rename: (text: string) => string): string {
  const text = Buffer.from(value, 'base64').toString('utf8');
  return /^[[{]/.test(text) ? Buffer.from(rename(text)).toString('base64') : rename(value);
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
