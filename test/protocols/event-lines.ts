export type ParsedEvent = { readonly id: string; readonly event: string; readonly data: string };

/** The events of a stream that has ended, as the gateway writes them: an id and a name where they have one, data, a blank line. */
export function parseEvents(text: string): readonly ParsedEvent[] {
  return [...text.matchAll(/^(?:id: (.+)\n)?(?:event: ([\w.|/]+)\n)?data: (.*)\n\n/gm)].map(
    ([, id = '', event = '', data = '']) => ({
      id,
      event,
      data,
    }),
  );
}
