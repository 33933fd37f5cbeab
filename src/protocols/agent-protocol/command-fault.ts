/** A command that the protocol refuses in a word of its own. */
export class CommandFault extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'CommandFault';
    this.code = code;
  }
}
