import purify from 'dompurify';

/**
 * Parses a diagram with Mermaid itself and answers with its type. Mermaid cleans labels with DOMPurify, which does nothing
 * without a browser: what is missing is put in its place before Mermaid is loaded. Rejects with the parse error.
 */
export async function parseMermaid(text: string): Promise<string> {
  purify.addHook ??= () => {};
  purify.sanitize ??= ((label: string) => label) as typeof purify.sanitize;
  const { default: mermaid } = await import('mermaid');
  const { diagramType } = await mermaid.parse(text);
  return diagramType;
}
