/** The demo as a newcomer runs it, a real process; every certificate of its registry is judged by OpenSSL. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toPem } from '@imprint/contract/x509/pem';
import { openAuthority } from '../open-authority.ts';
import type { DemoResult } from './summary.ts';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'imprint-demo-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('imprint demo', () => {
  it('I-6, I-23: brings every unit of an order to its receipt, and OpenSSL agrees with every certificate', async () => {
    const home = join(folder, 'plain');
    const { result, status } = runDemo(home, '--devices', '6', '--lanes', '2', '--seed', '3');
    assert.equal(status, 0);
    assert.deepEqual(Object.keys(result).sort(), resultFields);
    assert.equal(result.devices, 6);
    assert.equal(result.done, 6);
    assert.equal(result.quarantined, 0);
    assert.equal(result.issued, 6);
    assert.ok(result.logSize > 6);
    assert.match(result.rootHash, /^[0-9a-f]{64}$/);
    assert.equal(result.home, home);
    assert.ok(result.unitSecondsP50 > 0 && result.unitSecondsP50 <= result.unitSecondsP95);
    assert.ok(result.unitSecondsP95 <= result.seconds);
    assert.equal(await judge(home), 6);
  });

  it('I-7, I-23: with faults each unit is done or set aside, and none has two active certificates', async () => {
    const home = join(folder, 'faults');
    const flags = ['--devices', '8', '--lanes', '2', '--faults', '0.05', '--seed', '7'];
    const { result, status } = runDemo(home, ...flags);
    assert.equal(status, 0);
    assert.equal(result.done + result.quarantined, 8);
    assert.ok(result.issued >= result.done);
    assert.ok((await judge(home)) >= result.done);
  });
});

const resultFields = [
  'devices',
  'done',
  'home',
  'issued',
  'logSize',
  'quarantined',
  'rootHash',
  'seconds',
  'unitSecondsP50',
  'unitSecondsP95',
];

function runDemo(home: string, ...flags: string[]): { result: DemoResult; status: number | null } {
  const args = [mainFile, 'demo', '--home', home, '--json', '--link', 'tcp', ...flags];
  const run = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 120_000 });
  const lastLine = run.stdout.trimEnd().split('\n').at(-1)!;
  assert.notEqual(lastLine, '', run.stderr);
  return { result: JSON.parse(lastLine) as DemoResult, status: run.status };
}

/** Shows every certificate of the registry to OpenSSL; gives how many there are. */
async function judge(home: string): Promise<number> {
  const authorityHome = join(home, 'authority');
  const certificateFile = (name: string) => join(authorityHome, 'certificates', name);
  const authority = await openAuthority(authorityHome);
  try {
    const rows = await authority.ledger.reader
      .selectFrom('credential')
      .select(['device_id', 'serial', 'status', 'certificate'])
      .where('certificate', 'is not', null)
      .execute();
    const active = rows.filter((row) => row.status === 'active').map((row) => row.device_id);
    assert.equal(new Set(active).size, active.length);
    for (const row of rows) {
      const file = join(folder, `${row.serial}.pem`);
      writeFileSync(file, toPem('CERTIFICATE', row.certificate!));
      const trust = ['-CAfile', certificateFile('root.pem'), '-untrusted', certificateFile('issuing-ca.pem')];
      assert.equal(
        openssl('verify', '-x509_strict', '-purpose', 'sslclient', ...trust, file),
        `${file}: OK\n`,
      );
      const text = openssl('x509', '-in', file, '-noout', '-text', '-nameopt', 'sep_comma_plus,lname');
      assert.match(text, new RegExp(`Subject: .*serialNumber=${row.device_id}`));
      assert.match(text, /CA:FALSE/);
      assert.match(text, /Key Usage: critical\s+Digital Signature\n/);
      assert.match(text, /TLS Web Client Authentication/);
    }
    return rows.length;
  } finally {
    await authority.close();
  }
}

function openssl(...args: string[]): string {
  const run = spawnSync('openssl', args, { encoding: 'utf8' });
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
  return run.stdout;
}
