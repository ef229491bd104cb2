/** The key of a CA in one process, with the faults of its token. */
import type { Signer } from '@imprint/authority/signer/signer';
import { ImprintError } from '@imprint/contract/errors';
import type { Faults } from './faults.ts';
import type { Life } from './life.ts';
import type { SeededKey } from './seeded-keys.ts';
import type { Chance } from './world.ts';

export interface SignerParts {
  sound: Signer;
  otherKey: SeededKey;
  life: Life;
  faults: Faults;
  draw: Chance;
  /** Told what the key has signed. */
  signed: (bytes: Uint8Array) => void;
}

const hangsMs = 20_000;

export function failingSigner({ sound, otherKey, life, faults, draw, signed }: SignerParts): Signer {
  const sign = (bytes: Uint8Array) => {
    signed(bytes);
    return sound.sign(bytes);
  };
  return {
    custody: 'elsewhere',
    keyType: sound.keyType,
    spki: sound.spki,
    sign: async (bytes) => {
      await new Promise<void>((resolve) => life.after(draw.below(8), resolve));
      const struck = faults.strike('signing', () => true);
      switch (struck?.fault) {
        case undefined:
          return sign(bytes);
        case 'signer-refuses':
          throw new ImprintError('unavailable', 'the token does not answer');
        case 'signer-uncertain':
          await sign(bytes);
          throw new ImprintError('unavailable', 'the session with the token was lost');
        case 'signer-hangs':
          await sign(bytes);
          // past every lease; whoever speaks to a token gives it up in the end
          await new Promise<void>((resolve) => life.after(hangsMs, resolve));
          throw new ImprintError('unavailable', 'the token was given up');
        case 'signer-wrong-key':
          return otherKey.sign(bytes);
        case 'signer-wrong-bytes':
          return sound.sign(
            Uint8Array.from(bytes, (byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)),
          );
        default:
          await sign(bytes);
          life.kill();
          return new Promise<never>(() => undefined);
      }
    },
  };
}
