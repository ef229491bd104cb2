/** What the checks of an authority look at, opened once for all of them. */
import type { AuthorityConfiguration, AuthorityHome } from '../../authority-home.ts';
import type { OpenAuthority } from '../../open-authority.ts';
import { type Check, type Finding, unknown } from '../check.ts';
import type { Kernel } from '../disk-encryption.ts';

export interface Secrets {
  passphraseFile?: string | undefined;
  pinFile?: string | undefined;
}

export interface AuthorityFacts {
  home: AuthorityHome;
  configuration: AuthorityConfiguration;
  /** The authority, or why it does not open. */
  opened: OpenAuthority | Error;
  now: Date;
  /** Who runs this. */
  uid: number;
  kernel: Kernel;
  /** What opens the keys, where somebody gave it; nobody is asked for it. */
  secrets: Secrets;
}

/** A check that needs the database: without one nothing is known. */
export function ofDatabase(
  name: string,
  look: (authority: OpenAuthority, facts: AuthorityFacts) => Promise<Finding>,
): Check<AuthorityFacts> {
  return {
    name,
    look: (facts) =>
      facts.opened instanceof Error
        ? unknown('the database does not open, see database')
        : look(facts.opened, facts),
  };
}
