import { parse, stringify } from 'yaml';
import { formatProblem } from '../../src/config/config-error.ts';
import { parseVendor } from '../../src/config/vendor-files.ts';

/** A file in which nothing is wrong, with every key of the language. */
export const right = `
vendor: acme
baseUrl: https://api.acme.example/v1
settings: { token: secret, region: text?, eventsUrl: url?, webhookSecret: secret? }
auth: { bearer: token }
target: { job: part, folder: path?, options: json? }
config: [priority]
headers: { x-region: settings.region }
error: error.message
start:
  method: POST
  path: /jobs/{target.job}/runs
  query: { dry: "'false'" }
  body: "{ 'input': input, 'key': run.id, 'priority': config.priority, 'hook': sink.url }"
  refused: "body.ok = false"
  id: body.id
  keep: { thread: body.thread.id }
  once: { hours: 24 }
  finished: "body.done ? 'ok'"
observe:
  path: /runs/{upstream.runId}
  status: body.status
  notBefore: $number(headers."retry-after")
results:
  items:
    on: [ok]
    when: "target.options.items"
    path: /runs/{upstream.runId}/items
    pages: { items: body.data, next: body.next, most: 100 }
  file: { on: [ok], url: run.file, optional: true }
resume:
  method: POST
  path: /threads/{upstream.thread}/runs
  body: resumption
  id: body.id
cancel: { method: DELETE, path: "/runs/{upstream.runId}" }
push: { perRun: true }
faults:
  - { on: start, http: [402, 409], when: "body.code = 'busy'", is: retry }
  - { on: result, http: 422, status: failed }
  - { on: cancel, http: 409, is: done }
mapping:
  status: { queued: pending, waiting: interrupted, ok: success, failed: error }
  output: items
  error: error.message
  interrupt: "run.status = 'waiting' ? run.question"
  errcodes: { default: 7000 }
`;

type Tree = { [key: string]: unknown };

/** The problems of the file with some of its values replaced; undefined takes one out. */
export function problemsOf(changes: Readonly<Record<string, unknown>>): readonly string[] {
  const tree = parse(right) as Tree;
  for (const [path, value] of Object.entries(changes)) {
    const names = path.split('.');
    let holder = tree;
    for (const name of names.slice(0, -1)) {
      holder[name] ??= {};
      holder = holder[name] as Tree;
    }
    if (value === undefined) delete holder[names.at(-1) ?? ''];
    else holder[names.at(-1) ?? ''] = value;
  }
  const reading = parseVendor(stringify(tree), 'acme.yaml');
  return reading.kind === 'vendor' ? [] : reading.problems.map((problem) => formatProblem(problem));
}
