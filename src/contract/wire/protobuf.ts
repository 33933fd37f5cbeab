/**
 * Number and type of a field. A type is `string`, `bytes`, `bool`, `int32`, `int64`, one of the messages that JSON writes as text
 * (`duration`, `timestamp`), or the name of a message or an enum of the schema. `list` repeats; `map` has strings as keys.
 */
export type ProtobufField = readonly [number: number, type: string, many?: 'list' | 'map'];

/** The messages of one vendor, as far as they are written or read. Fields have the names that they have in JSON. */
export type ProtobufSchema = {
  readonly messages: Readonly<Record<string, Readonly<Record<string, ProtobufField>>>>;
  /** A value is written in JSON as the prefix and its name; its number is the place of the name. */
  readonly enums: Readonly<Record<string, { readonly prefix: string; readonly names: readonly string[] }>>;
};
