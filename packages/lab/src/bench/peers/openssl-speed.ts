/** The limit that no issuer passes: P-256 verifications and signatures of OpenSSL itself, on so many cores. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface CryptoSpeed {
  signs: number;
  verifies: number;
}

const run = promisify(execFile);

/**
 * Operations a second of so many processes at once, each by its own processor time, so that whoever else is at work takes
 * nothing away; `-multi` would go by the clock. Undefined where there is no `openssl` command.
 */
export async function opensslSpeed(seconds: number, processes: number): Promise<CryptoSpeed | undefined> {
  const speeds = await Promise.all(Array.from({ length: processes }, () => oneProcess(seconds)));
  let sum: CryptoSpeed | undefined = { signs: 0, verifies: 0 };
  for (const speed of speeds) {
    sum = sum && speed && { signs: sum.signs + speed.signs, verifies: sum.verifies + speed.verifies };
  }
  return sum;
}

async function oneProcess(seconds: number): Promise<CryptoSpeed | undefined> {
  const output = await run('openssl', ['speed', '-mr', '-seconds', String(seconds), 'ecdsap256']).then(
    ({ stdout }) => stdout,
    () => '',
  );
  // +F4:index:bits:signatures a second:verifications a second
  const found = /^\+F4:\d+:256:([\d.]+):([\d.]+)$/m.exec(output);
  return found === null ? undefined : { signs: Number(found[1]), verifies: Number(found[2]) };
}

/** Pairs a second: the request's proof verified and the certificate signed, each once, and nothing else. */
export function pairsASecond({ signs, verifies }: CryptoSpeed): number {
  return 1 / (1 / verifies + 1 / signs);
}
