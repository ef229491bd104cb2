/** When a certificate is renewed: at two thirds of its life, and not all devices of a day at once. */

const maxJitter = 0.1;

/**
 * The moment (ms since 1970) at which a certificate of this life is to be renewed: two thirds of it, moved by up to a tenth of its life
 * either way. `fraction` in [0, 1) is the device's own, so that devices of one day spread out; null for a life without end.
 */
export function renewAtMs(life: { notBefore: string; notAfter: string }, fraction: number): number | null {
  if (life.notAfter.startsWith('9999-12-31')) return null;
  const begin = Date.parse(life.notBefore);
  const lasts = Date.parse(life.notAfter) - begin;
  return begin + lasts * (2 / 3 + (fraction - 0.5) * 2 * maxJitter);
}
