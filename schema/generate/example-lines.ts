import { stringify } from 'yaml';
import { propertiesOf } from '../../src/config/config-parts.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { wrap } from './markdown.ts';

/** A line of YAML without its indent, and what is said of it. */
export type Line = {
  readonly text: string;
  readonly remark?: string | undefined;
  /** Behind a `#`. */
  readonly isOff?: boolean;
};

const maxWidth = 110;

/** `key: value`, with the first sentence of the key's description. Long values take lines of their own. */
export function renderValue(key: string, value: Json, schema: JsonObject): readonly Line[] {
  const remark = firstSentence(schema);
  if (typeof value !== 'object' || value === null) return [{ text: `${key}: ${formatScalar(value)}`, remark }];
  const flow = formatFlow(value);
  if (flow.length < 50) return [{ text: `${key}: ${flow}`, remark }];
  const lines = stringify(value, { lineWidth: 0 }).trimEnd().split('\n');
  return [{ text: `${key}:`, remark }, ...lines.map((text) => ({ text: `  ${text}` }))];
}

/** A value for a key that no sample has: its default, its example, or one made of those of its members. */
export function renderDefault(key: string, schema: JsonObject): readonly Line[] {
  const value = sampleOf(schema);
  if (value !== undefined) return renderValue(key, value, schema);
  const { item, isList } = memberOf(schema);
  const members = Object.entries(propertiesOf(item)).flatMap(([name, member]) => renderDefault(name, member));
  if (members.length === 0) throw new Error(`the schema of ${key} needs a default or an example`);
  return [
    { text: `${key}:`, remark: firstSentence(schema) },
    ...members.map(({ text, remark }, at) => ({ text: `  ${listMark(isList, at)}${text}`, remark })),
  ];
}

/** Lines at one indent. Remarks stand behind short lines, aligned, and above long ones. */
export function layOut(lines: readonly Line[], indent: string): readonly string[] {
  const fits = ({ text, remark = '' }: Line, column: number) =>
    indent.length + Math.max(text.length, column) + remark.length + 4 <= maxWidth;
  const isTrailing = (line: Line) => line.remark !== undefined && fits(line, 0);
  const column = Math.max(0, ...lines.filter(isTrailing).map(widthOf));
  return lines.flatMap((line) => {
    const { remark, isOff = false } = line;
    const text = `${isOff ? '#' : ''}${line.text}`;
    if (remark === undefined) return [`${indent}${text}`];
    if (isTrailing(line)) return [`${indent}${text.padEnd(fits(line, column) ? column : 0)} # ${remark}`];
    const inner = /^ */.exec(line.text)?.[0] ?? '';
    const mark = `${indent}${isOff && inner !== '' ? '#' : ''}${inner}# `;
    return [...wrap(remark, maxWidth - mark.length).map((part) => mark + part), `${indent}${text}`];
  });
}

function widthOf({ text, isOff = false }: Line): number {
  return text.length + (isOff ? 1 : 0);
}

/** What is said of a key in one line: the first sentence, without its stop. */
export function firstSentence({ description }: JsonObject): string | undefined {
  if (typeof description !== 'string') return undefined;
  return description.replaceAll('`', '').split('. ')[0]?.replace(/\.$/, '');
}

function sampleOf(schema: JsonObject): Json | undefined {
  const { default: value, examples } = schema;
  const isEmpty = value === null || (typeof value === 'object' && Object.keys(value).length === 0);
  if (value !== undefined && !isEmpty) return value;
  if (Array.isArray(examples) && examples[0] !== undefined) return examples[0];
  const { item } = memberOf(schema);
  return Object.keys(propertiesOf(item)).length > 0 ? undefined : (value ?? undefined);
}

/** The mapping that a value holds, be it the value itself, an alternative, or the entry of a list. */
function memberOf(schema: JsonObject): { readonly item: JsonObject; readonly isList: boolean } {
  if (isJsonObject(schema.items)) return { item: schema.items, isList: true };
  const branches = Array.isArray(schema.anyOf) ? schema.anyOf.filter(isJsonObject) : [];
  return { item: branches.find((branch) => branch.type === 'object') ?? schema, isList: false };
}

function listMark(isList: boolean, at: number): string {
  if (!isList) return '';
  return at === 0 ? '- ' : '  ';
}

function formatFlow(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(formatFlow).join(', ')}]`;
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim();
}

function formatScalar(value: string | number | boolean | null): string {
  // Outside braces and brackets a placeholder needs no quotes.
  if (typeof value === 'string' && /^\$\{[^\s]*\}$/.test(value)) return value;
  return stringify(value, { lineWidth: 0 }).trim();
}
