import type { TraceContext } from '../contract/domain/trace.ts';

const version00 = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** A later version may append members, which are passed over (W3C Trace Context, 3.2.2). */
const later = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})(?:-.*)?$/;
const zeros = /^00-(?:0{32}-|[0-9a-f]{32}-0{16}-)/;
const maxStateChars = 512;
const visible = /^[\x20-\x7e]*$/;

/**
 * Reads the headers of W3C Trace Context; undefined where they name no place in a trace. A `tracestate` that is too long or
 * not plain text is left out, as the recommendation allows.
 */
export function parseTraceContext(
  traceparent: string | undefined,
  tracestate: string | readonly string[] | undefined,
): TraceContext | undefined {
  const plain = readParent(traceparent);
  if (plain === undefined || zeros.test(plain)) return undefined;
  const state = typeof tracestate === 'object' ? tracestate.join(',') : tracestate;
  return state === undefined || state === '' || state.length > maxStateChars || !visible.test(state)
    ? { traceparent: plain }
    : { traceparent: plain, tracestate: state };
}

function readParent(traceparent: string | undefined): string | undefined {
  if (traceparent === undefined || version00.test(traceparent)) return traceparent;
  const rest = traceparent.startsWith('00') ? undefined : later.exec(traceparent)?.[1];
  return rest === undefined ? undefined : `00-${rest}`;
}
