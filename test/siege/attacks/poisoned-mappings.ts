import type { JsonObject } from '../../../src/contract/domain/json.ts';
import { inLanes, repeat, type Site } from '../site.ts';

type Poison = {
  readonly name: string;
  readonly mapping: JsonObject;
  /** What the run's end has to say. */
  readonly ends: '"errcode":1005' | '"success"';
};

const failed = '"errcode":1005';
const words = '"xxxxxxxxxxxxxxxx"';
const twice = `($d := function($s, $n) { $n = 0 ? $s : $d($s & $s, $n - 1) }; $length($d(${words}, 24)))`;

const poisons: readonly Poison[] = [
  { name: 'backtracking', mapping: { output: '$match(result.s, /(a+)+$/)' }, ends: '"success"' },
  { name: 'replacing', mapping: { output: '$replace(result.s, /(a|a)*b/, "")' }, ends: '"success"' },
  { name: 'splitting', mapping: { output: '$split(result.s, /(a*)*c/)' }, ends: '"success"' },
  { name: 'distinct', mapping: { output: '$count($distinct([1..9000].{"n": $}))' }, ends: failed },
  { name: 'endless', mapping: { output: '($f := function($n) { $f($n) }; $f(1))' }, ends: failed },
  { name: 'deep', mapping: { output: '($f := function($n) { 1 + $f($n + 1) }; $f(1))' }, ends: failed },
  { name: 'range', mapping: { output: '$sum([1..9999999])' }, ends: failed },
  { name: 'ranges', mapping: { output: '[1..3000].([1..3000])' }, ends: failed },
  { name: 'sorting', mapping: { output: '$sort([1..200000], function($a, $b) { $a < $b })' }, ends: failed },
  { name: 'doubling', mapping: { output: twice }, ends: failed },
  { name: 'joining', mapping: { output: '$length($join([1..90000].("x"), $pad("", 30000, "x")))' }, ends: failed },
  { name: 'dating', mapping: { output: '$fromMillis(0, "[Y,300000000-300000000]")' }, ends: failed },
  { name: 'padding', mapping: { output: '$length($pad("", 300000000, "x"))' }, ends: failed },
  {
    name: 'growing',
    mapping: { output: '$reduce([1..100000], function($a, $n) { $append($a, $a) }, [1])' },
    ends: failed,
  },
  {
    name: 'errors',
    mapping: { error: '$count($distinct([1..9000].{"n": $}))', status: { completed: 'error' } },
    ends: failed,
  },
  { name: 'input', mapping: { input: '{ "n": $count($distinct([1..9000].{"n": $})) }' }, ends: failed },
  {
    name: 'status',
    mapping: {
      status: { completed: [{ when: '$count($distinct([1..9000].{"n": $})) = 9000', is: 'error' }, { is: 'success' }] },
    },
    ends: failed,
  },
];

/** An agent for each expression; its vendor answers 31 letters and a mark, which a regular expression backtracks over. */
export const mappingAgents: readonly JsonObject[] = poisons.map(({ name, mapping }) => ({
  name: `mapping-${name}`,
  backend: 'calm',
  target: { project: 'attack', api: 'poison' },
  mapping,
}));

/** A2: a poisoned evaluation ends its own run with 1005, and one that is linear by now succeeds. */
export async function evaluatePoison(site: Site): Promise<void> {
  await repeat(site, async () => {
    await inLanes(6, poisons, async ({ name, ends }) => {
      const id = await site.create(`mapping-${name}`, { n: name });
      const outcome = id === null ? null : await site.outcome(id, { withinMs: 45_000 });
      if (outcome !== null && !outcome.includes(ends)) {
        site.fault(`the mapping "${name}" ended without ${ends}: ${outcome.slice(0, 200)}`);
      }
    });
  });
}
