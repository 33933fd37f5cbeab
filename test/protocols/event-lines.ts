export type ParsedEvent = { readonly id: string; readonly event: string; readonly data: string };

/** The events of a stream that has ended, as the gateway writes them: three lines and a blank one. */
export function parseEvents(text: string): readonly ParsedEvent[] {
  return [...text.matchAll(/^id: (\d+)\nevent: ([\w.]+)\ndata: (.*)\n\n/gm)].map(
    ([, id = '', event = '', data = '']) => ({
      id,
      event,
      data,
    }),
  );
}
