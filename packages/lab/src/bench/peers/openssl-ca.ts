/** `openssl ca` as a peer: one process that signs a whole batch of the same requests and keeps its text database. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64 } from '@imprint/contract/bytes';
import { toPem } from '@imprint/contract/x509/pem';
import type { WaitingUnit } from '../open-jobs.ts';
import { makeBenchCa } from './bench-ca.ts';

const configuration = `[ca]
default_ca = bench
[bench]
database = index.txt
new_certs_dir = certificates
serial = serial
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 3650
policy = any
unique_subject = no
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

/** Certificates a second of one batch, the start of the process included; undefined where there is no `openssl` command. */
export async function issueByOpensslCa(
  folder: string,
  units: readonly WaitingUnit[],
): Promise<number | undefined> {
  const home = join(folder, 'openssl-ca');
  if (!makeBenchCa(home)) return undefined;
  try {
    mkdirSync(join(home, 'certificates'));
    writeFileSync(join(home, 'ca.cnf'), configuration);
    writeFileSync(join(home, 'index.txt'), '');
    writeFileSync(join(home, 'serial'), '01\n');
    const files = units.map(({ csrB64 }, at) => {
      const file = `${at}.csr`;
      writeFileSync(join(home, file), toPem('CERTIFICATE REQUEST', fromBase64(csrB64)));
      return file;
    });
    const begun = performance.now();
    await signAll(home, files);
    const seconds = (performance.now() - begun) / 1000;
    const made = readdirSync(join(home, 'certificates')).length;
    if (made !== units.length) throw new Error(`openssl ca made ${made} of ${units.length} certificates`);
    return made / seconds;
  } finally {
    rmSync(home, { recursive: true });
  }
}

function signAll(home: string, files: readonly string[]): Promise<void> {
  const args = ['ca', '-config', 'ca.cnf', '-batch', '-notext', '-infiles', ...files];
  return new Promise((resolve, reject) => {
    const child = spawn('openssl', args, { cwd: home, stdio: 'ignore' });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`openssl ca ended with ${code}`)),
    );
  });
}
