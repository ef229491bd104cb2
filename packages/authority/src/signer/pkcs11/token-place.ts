/** A token, by the names under which its library has it. Apart from the reading of references, which processes that sign can do without. */

/** Library, label and, where two tokens have one label, the serial number. */
export interface TokenPlace {
  module: string;
  token: string;
  serial?: string | undefined;
}

/** A token as people are told of it. */
export function tokenName({ token, serial }: TokenPlace): string {
  return serial === undefined ? `the token ${token}` : `the token ${token} with the serial ${serial}`;
}
