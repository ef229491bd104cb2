/**
 * Slows down whoever guesses: wrong sign-ins are counted by account and by address. It assumes that a stranger tries every name from
 * every address, so names that nobody has are counted apart, as those of accounts are:
 * they cannot push those out, and no answer tells which is which.
 */
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { networkOf, Pace } from '../pace.ts';

export interface SignInAttempt {
  /** It does not count. */
  succeeded(): void;
}

export class SignInPace {
  readonly #accounts: Pace;
  readonly #unknown: Pace;
  readonly #addresses: Pace;

  /** @param nowMs a clock that does not jump */
  constructor(nowMs: () => number) {
    const perName = {
      burst: limits.wrongLoginsPerAccount,
      perSecond: limits.wrongLoginsPerAccountAMinute / 60,
    };
    this.#accounts = new Pace(perName, nowMs);
    this.#unknown = new Pace(perName, nowMs);
    this.#addresses = new Pace(
      { burst: limits.wrongLoginsPerAddress, perSecond: limits.wrongLoginsPerAddressAMinute / 60 },
      nowMs,
    );
  }

  /**
   * Counts one attempt before it is looked at, so that many at once are no way around.
   * @param isKnown false for a name that nobody has
   * @throws rate_limited
   */
  begin(name: string, isKnown: boolean, address: string): SignInAttempt {
    const byAddress = this.beginFrom(address);
    const names = isKnown ? this.#accounts : this.#unknown;
    if (!names.take(name)) throw tooMany();
    return {
      succeeded: () => {
        byAddress.succeeded();
        names.giveBack(name);
      },
    };
  }

  /** The same for one of whom no name is known before it succeeds. @throws rate_limited */
  beginFrom(address: string): SignInAttempt {
    const from = networkOf(address);
    if (!this.#addresses.take(from)) throw tooMany();
    return { succeeded: () => this.#addresses.giveBack(from) };
  }
}

function tooMany(): ImprintError {
  return new ImprintError('rate_limited', 'too many wrong sign-ins', {
    hint: 'Wait a minute. If it was not you, tell an administrator: somebody guesses.',
  });
}
