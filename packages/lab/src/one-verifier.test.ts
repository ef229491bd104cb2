/** Trust is decided by TLS or by the one strict verifier (docs/decisions/0021): no other file comes to judge certificates or signatures unseen. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../', import.meta.url));
const shipped = ['contract', 'device', 'station', 'authority', 'imprint', 'sim'];

const sources = shipped
  .flatMap((name) =>
    readdirSync(join(packages, name, 'src'), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${name}/src/${file.replaceAll('\\', '/')}`,
    ),
  )
  .filter((path) => path.endsWith('.ts') && !/\.(test|suite|test-kit|double)\.ts$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(packages, path), 'utf8') }));

interface Rule {
  what: string;
  /** What a file that does it holds. */
  trace: RegExp;
  /** Who does it, and why that is right. */
  by: Record<string, string>;
}

const rules: Rule[] = [
  {
    what: 'judges who issued a certificate',
    trace:
      /\.checkIssued\(|\bfunction checkIssuedBy\(|\bcreateVerify\(|\bX509ChainBuilder\b|'pkijs'|'node-forge'/,
    by: {
      'contract/src/x509/verify-chain.ts': 'the strict verifier itself',
      'station/src/job-files.ts': 'run-job takes certificates of anybody and yields no receipt (0046)',
      'sim/src/certificate-check.ts': 'stands for firmware, which shares no code with us',
    },
  },
  {
    what: 'judges a leaf without its chain',
    trace: /\bimport \{[^}]*\bcheckLeaf\b[^}]*\} from/,
    by: {
      'contract/src/x509/verify-chain.ts': 'after the chain',
      'authority/src/issuing/lint.ts': 'before a CA signs it',
      'authority/src/http/station-gate.ts': 'behind TLS, which has judged the chain',
    },
  },
  {
    what: 'verifies a signature with OpenSSL',
    trace: /\bimport \{[^}]*\bverify\b[^}]*\} from 'node:crypto'|\bsubtle\.verify\(/,
    by: {
      'authority/src/jobs/verify-under.ts': 'on other threads; only what the strict verifier takes too',
      'authority/src/issuing/certification-request.ts': 'on other threads; only what is strict',
      'authority/src/issuing/issue.ts': "its own CA's signature, before it is released",
      'sim/src/reopening.ts': 'stands for firmware, which shares no code with us (0223)',
      'authority/src/signer/pkcs11/token-signer.ts':
        "at the start: a token's private key is that of its public one",
      'station/src/run-job.ts': 'under a certificate of anybody (0046)',
      'imprint/src/openssl-signatures.ts': 'the engine of the strict verifier in programs on Node (0127)',
    },
  },
  {
    what: 'gives the strict verifier another engine',
    trace: /\bcomputeSignaturesBy\(/,
    by: {
      'contract/src/x509/signature.ts': 'takes it',
      'imprint/src/compute-by-openssl.ts': 'once, when a program starts',
    },
  },
  {
    what: 'computes on curves',
    trace: /from '@noble\/curves\//,
    by: {
      'contract/src/x509/signature.ts': 'the strict verifier of signatures',
      'contract/src/x509/public-key.ts': 'a key must be a point on its curve',
    },
  },
  {
    what: 'lets TLS take a certificate that it has not judged',
    trace: /rejectUnauthorized: false/,
    by: {
      'authority/src/http/device-listener.ts': 'the gate asks at each request what TLS found',
      'authority/src/http/station-listener.ts': 'the gate asks at each request what TLS found',
      'device/src/authority-connection.ts':
        'the strict verifier judges before a byte is sent, at the time that the device believes',
      'station/src/pinned-certificate.ts': 'compares with the pin of the token, once, at enrolment',
    },
  },
];

for (const { what, trace, by } of rules) {
  test(`no other file ${what} than those that are named here`, () => {
    const found = sources.filter(({ text }) => trace.test(text)).map(({ path }) => path);
    assert.deepEqual(found.sort(), Object.keys(by).sort());
  });
}
