// `npm run bench:peers -- [--short | --durable | --finished | --postgres] ...`: each comparison is a script with options of its own.
const comparisons: Readonly<Record<string, string>> = {
  '--short': './short.ts',
  '--durable': './durable/main.ts',
  '--finished': './finished.ts',
  '--postgres': './postgres/main.ts',
};

const named = process.argv.find((argument) => comparisons[argument] !== undefined);
const script = named === undefined ? './dev-server.ts' : comparisons[named];
process.argv = process.argv.filter((argument) => argument !== named);
await import(script ?? '');
