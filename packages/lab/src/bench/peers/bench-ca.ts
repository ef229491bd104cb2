/** The P-256 CA that a peer signs with, made by `openssl`. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** Makes ca.pem and ca.key in the folder; false where there is no `openssl` command. */
export function makeBenchCa(folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  const run = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Bench CA', '-days', '2'],
    ],
    { cwd: folder, stdio: 'ignore' },
  );
  return run.status === 0;
}
