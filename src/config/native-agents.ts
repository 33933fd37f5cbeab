import type { NativeTarget } from '../agents/agent-directory.ts';
import type { Adapter } from '../contract/adapter/adapter.ts';
import type { JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';

type ConfiguredTarget = Pick<NativeTarget, 'isOpen' | 'mapping' | 'checksInput' | 'checkConfig'> & {
  readonly target: unknown;
};

/** What a request of the vendor's own API may name, by these members of a target, given what the config names already. */
export function describeNative(
  adapter: Adapter,
  names: readonly string[],
  { target, isOpen, ...more }: ConfiguredTarget,
): NativeTarget {
  const known = isJsonObject(target) ? target : {};
  const complete = (named: JsonObject): unknown => adapter.target.safeParse({ ...known, ...named }).data;
  return {
    ...more,
    isOpen,
    vendor: adapter.name,
    nameTarget: (named) => {
      const fits = names.every((name) => named[name] === known[name] || (isOpen && known[name] === undefined));
      if (!fits) return null;
      if (!isOpen) return {};
      return complete(named) === undefined ? null : named;
    },
    targetOf: (named) => (isOpen ? complete(named) : target),
  };
}
