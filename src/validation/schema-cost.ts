import { compilePattern } from '../compute/linear-regexp.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { measureJson } from '../json/measure-json.ts';
import { eachSubschema } from './dialect.ts';

/** What a check by a schema takes at most, in steps of about forty nanoseconds. */
export type SchemaCost = {
  /** For each value in the checked value. */
  readonly perNode: number;
  /** For each character of its texts. */
  readonly perChar: number;
  /** How often a value may be visited for each visit of the value around it: more than once, the cost grows with depth. */
  readonly branching: number;
};

/** Steps that the event loop may be held for: about two milliseconds. */
const maxInlineSteps = 50_000;
/** Schemas that are looked at; references may make many of few. */
const maxVisits = 20_000;

const unbounded: SchemaCost = { perNode: Number.POSITIVE_INFINITY, perChar: 0, branching: 1 };

/**
 * Whether a check of the value holds the event loop no longer than it may. The value is measured no further than needed;
 * one with an exact number takes time to be prepared.
 */
export function isCheckedInline({ perNode, perChar, branching }: SchemaCost, value: Json): boolean {
  if (!Number.isFinite(perNode)) return false;
  const bounds = {
    maxNodes: Math.min(20_000, maxInlineSteps / perNode),
    maxChars: Math.min(200_000, maxInlineSteps / perChar),
  };
  const size = measureJson(value, bounds);
  if (size === null || size.holdsExactNumber) return false;
  const growth = branching <= 1 ? 1 : branching ** size.depth;
  return (perNode * size.nodes + perChar * size.chars) * growth <= maxInlineSteps;
}

/** The cost of a normalized schema: all keywords, with references followed; without bound where one cannot be followed. */
export function costOf(schema: JsonObject): SchemaCost {
  const count = new CostCount(schema);
  try {
    const branching = count.visit(schema, []);
    return { perNode: count.perNode, perChar: count.perChar, branching };
  } catch (error) {
    if (error instanceof Unbounded) return unbounded;
    throw error;
  }
}

class Unbounded extends Error {}

/** A schema that is being visited: references back to it, by the member or item of its value below which they stand. */
type Frame = { readonly schema: JsonObject; readonly returns: Map<string, number> };
/** `slot`: where in the frame's value the visit is by now; null at that value itself. */
type Place = { readonly frame: Frame; readonly slot: string | null };

const inPlace: ReadonlySet<string> = new Set([
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  'dependentSchemas',
  'dependencies',
]);
const ofItems: ReadonlySet<string> = new Set([
  'items',
  'prefixItems',
  'contains',
  'additionalItems',
  'unevaluatedItems',
]);
const definitions: ReadonlySet<string> = new Set(['$defs', 'definitions']);

class CostCount {
  perNode = 0;
  perChar = 0.1;
  readonly #root: JsonObject;
  #visits = 0;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  /** Gives how the visits multiply with each level of the value. */
  visit(schema: Json, places: readonly Place[]): number {
    this.#visits += 1;
    this.perNode += 1;
    if (this.#visits > maxVisits) throw new Unbounded();
    if (!isJsonObject(schema)) return 0;
    const frame: Frame = { schema, returns: new Map() };
    const here = [...places, { frame, slot: null }];
    this.#addKeywords(schema);
    let below = 0;
    if (typeof schema.$ref === 'string') below = Math.max(below, this.#follow(schema.$ref, here));
    eachSubschema(schema, (subschema, keyword, name) => {
      if (definitions.has(keyword)) return;
      const slot = inPlace.has(keyword) ? null : slotOf(keyword, name);
      below = Math.max(below, this.visit(subschema, slot === null ? here : here.map((place) => enter(place, slot))));
    });
    return branchingOf(frame.returns) + below;
  }

  #addKeywords(schema: JsonObject): void {
    for (const [keyword, value] of Object.entries(schema)) {
      this.perNode += Array.isArray(value) && keyword === 'required' ? value.length : 1;
      switch (keyword) {
        case 'pattern':
          this.perChar += compilePattern(String(value)).size / 4;
          break;
        case 'patternProperties':
          for (const pattern of Object.keys(isJsonObject(value) ? value : {})) {
            this.perChar += compilePattern(pattern).size / 2;
            this.perNode += 5;
          }
          break;
        case 'format':
          this.perChar += 60;
          break;
        case 'uniqueItems':
        case 'enum':
        case 'const':
          // Values are compared by their canonical texts.
          this.perNode += 20;
          this.perChar += 0.5;
          break;
        case '$dynamicRef':
        case '$recursiveRef':
          throw new Unbounded();
      }
    }
  }

  #follow(reference: string, places: readonly Place[]): number {
    const target = this.#resolve(reference);
    if (target === undefined) throw new Unbounded();
    const open = places.find(({ frame }) => frame.schema === target);
    if (open === undefined) return this.visit(target, places);
    // A schema that leads to itself for the same value goes on until the stack is full.
    if (open.slot === null) throw new Unbounded();
    open.frame.returns.set(open.slot, (open.frame.returns.get(open.slot) ?? 0) + 1);
    return 0;
  }

  #resolve(reference: string): Json | undefined {
    const [document = '', fragment = ''] = reference.split('#');
    if (document !== '' && document !== this.#root.$id) return undefined;
    if (fragment === '') return this.#root;
    if (!fragment.startsWith('/')) return findAnchor(this.#root, fragment);
    let value: Json | undefined = this.#root;
    for (const part of fragment.slice(1).split('/')) {
      const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as Readonly<Record<string, Json>>)[name];
    }
    return value;
  }
}

function findAnchor(schema: JsonObject, anchor: string): Json | undefined {
  if (schema.$anchor === anchor || schema.$id === `#${anchor}` || schema.$dynamicAnchor === anchor) return schema;
  let found: Json | undefined;
  eachSubschema(schema, (subschema) => {
    if (found === undefined && isJsonObject(subschema)) found = findAnchor(subschema, anchor);
  });
  return found;
}

function enter({ frame, slot }: Place, next: string): Place {
  return { frame, slot: slot ?? next };
}

function slotOf(keyword: string, name: string): string {
  if (ofItems.has(keyword)) return 'items';
  return keyword === 'properties' ? `properties/${name}` : '*';
}

/** The most references back below one member; what stands for any member counts for each. */
function branchingOf(returns: ReadonlyMap<string, number>): number {
  const ofAny = returns.get('*') ?? 0;
  return Math.max(
    ofAny,
    ...[...returns].map(([slot, count]) => (slot.startsWith('properties/') ? count + ofAny : count)),
  );
}
