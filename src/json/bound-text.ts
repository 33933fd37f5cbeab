/** The longest description of a run's end, and of an error that a client gets, in UTF-16 units. */
export const maxDescriptionLength = 2000;
/** The longest word of a vendor, such as a status, that a description or a log line repeats. */
export const maxWordLength = 200;

/** Cuts a text to `max` UTF-16 units, and then names its whole length; a shorter text is returned as it is. */
export function boundText(text: string, max: number, cut = (whole: string, to: number) => whole.slice(0, to)): string {
  if (text.length <= max) return text;
  return `${cut(text, max).toWellFormed()}… (${text.length} characters)`;
}
