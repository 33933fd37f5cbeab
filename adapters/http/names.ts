/** A text with names in braces, such as `Key {apiKey}`, taken apart. */
export type NameTemplate = readonly (string | { readonly name: string })[];

export function parseNames(text: string): NameTemplate {
  return text.split(/(\{[\w-]+\})/).flatMap((part, index) => {
    if (part === '') return [];
    return [index % 2 === 0 ? part : { name: part.slice(1, -1) }];
  });
}

/** The names in braces. */
export function namesIn(text: string): readonly string[] {
  return parseNames(text).flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
}

/** The text with values in the place of the names; null where one has no value. */
export function fillNames(template: NameTemplate, lookUp: (name: string) => string | undefined): string | null {
  let text = '';
  for (const part of template) {
    const value = typeof part === 'string' ? part : lookUp(part.name);
    if (value === undefined) return null;
    text += value;
  }
  return text;
}
