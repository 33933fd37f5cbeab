import type { Context, Middleware } from 'koa';
import { GatewayError } from '../contract/domain/errors.ts';

/** A route whose path matched, whatever the method. */
type Layer = { readonly methods: readonly string[]; readonly paramNames: readonly unknown[] };
/** What the router leaves behind. */
type FindMatches = (() => readonly Layer[]) | undefined;

/** The last step: a path that no protocol has, or a method that the path does not take. */
export function refuseUnrouted(): Middleware {
  return (context) => {
    const allowed = allowedMethods(context, () => true);
    if (allowed.length === 0) throw new GatewayError('route_not_found');
    if (context.method !== 'OPTIONS') return refuseMethod(context, () => true);
    context.status = 204;
    context.set('Allow', allowed.join(', '));
  };
}

/** Throws `method_not_allowed`, with the `Allow` header set, if one of the matched routes passes. */
export function refuseMethod(context: Context, passes: (layer: Layer) => boolean): void {
  const allowed = allowedMethods(context, passes);
  if (allowed.length === 0) return;
  context.set('Allow', allowed.join(', '));
  throw new GatewayError('method_not_allowed');
}

function allowedMethods(context: Context, passes: (layer: Layer) => boolean): readonly string[] {
  const { findMatches }: { findMatches?: FindMatches } = context.state;
  const matched = findMatches?.() ?? [];
  const methods = new Set(matched.filter(passes).flatMap((layer) => layer.methods));
  return methods.size === 0 ? [] : [...methods, 'OPTIONS'];
}
