/** The limit that no issuer passes: P-256 signatures and verifications of OpenSSL itself, on one core. */
import { spawnSync } from 'node:child_process';

export interface CryptoSpeed {
  signs: number;
  verifies: number;
}

/** Operations a second; undefined where there is no `openssl` command. */
export function opensslSpeed(seconds: number): CryptoSpeed | undefined {
  const run = spawnSync('openssl', ['speed', '-mr', '-seconds', String(seconds), 'ecdsap256'], {
    encoding: 'utf8',
  });
  // +F4:index:bits:signatures a second:verifications a second
  const found = /^\+F4:\d+:256:([\d.]+):([\d.]+)$/m.exec(run.stdout ?? '');
  return found === null ? undefined : { signs: Number(found[1]), verifies: Number(found[2]) };
}

/** What one core could issue if all else were free: verify the request's proof, sign, verify what was signed. */
export function cryptoLimit({ signs, verifies }: CryptoSpeed): number {
  return 1 / (2 / verifies + 1 / signs);
}
