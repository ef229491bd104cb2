/** The limit that no issuer passes: P-256 verifications and signatures of OpenSSL itself, on so many cores. */
import { spawnSync } from 'node:child_process';

export interface CryptoSpeed {
  signs: number;
  verifies: number;
}

/** Operations a second of so many processes together; undefined where there is no `openssl` command. */
export function opensslSpeed(seconds: number, processes: number): CryptoSpeed | undefined {
  const together = processes > 1 ? ['-multi', String(processes)] : [];
  const run = spawnSync('openssl', ['speed', '-mr', '-seconds', String(seconds), ...together, 'ecdsap256'], {
    encoding: 'utf8',
  });
  // +F4:index:bits:signatures a second:verifications a second
  const found = /^\+F4:\d+:256:([\d.]+):([\d.]+)$/m.exec(run.stdout ?? '');
  return found === null ? undefined : { signs: Number(found[1]), verifies: Number(found[2]) };
}

/** Pairs a second: the request's proof verified and the certificate signed, each once, and nothing else. */
export function pairsASecond({ signs, verifies }: CryptoSpeed): number {
  return 1 / (1 / verifies + 1 / signs);
}
