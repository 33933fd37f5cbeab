/** Called in threads by the tests of the pool. */
export function prepare(definition: unknown): (input: string) => string | Promise<string> {
  switch (definition) {
    case 'echo':
      return (input) => input;
    case 'hang':
      return () => {
        for (;;);
      };
    case 'hoard':
      return () => {
        const kept: unknown[] = [];
        for (;;) kept.push(Array.from({ length: 1000 }, (_, n) => ({ n })));
      };
    case 'fill':
      return (input) => {
        const kept = Array.from({ length: 600_000 }, (_, n) => ({ n, text: `${input} ${n}` }));
        return `${kept.length}`;
      };
    case 'leave':
      return () => process.exit(1);
    case 'fail':
      return () => {
        throw new Error('it fails');
      };
    default:
      throw new Error('no such program');
  }
}
