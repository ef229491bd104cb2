import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { Fixture } from '@imprint/sim/fixture';
import type { SimulatedUnit } from '@imprint/sim/simulated-unit';
import { makeUnit, type UnitPlan } from '@imprint/sim/unit-plan';
import { Bench, FixtureLink } from './bench.double.ts';
import { readJobFiles } from './job-files.ts';
import { type RunJobEvent, runJob } from './run-job.ts';
import { systemTimers } from './timers.ts';

const articleText = readFileSync(
  new URL('../../../examples/manifests/article.yaml', import.meta.url),
  'utf8',
);
const id = 'SN-00012345';
const challenge = new Uint8Array(32).fill(7);

describe('run-job on an article-style manifest', () => {
  let folder: string;
  let unit: SimulatedUnit;
  let plan: UnitPlan;
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });

  before(async () => {
    using bench = new Bench();
    plan = { ...bench.plan, protocol: 'article' };
    folder = mkdtempSync(join(tmpdir(), 'imprint-job-'));
    unit = makeUnit(plan, 1);
    // The article's own recipe, with the request of a key that lies in the unit.
    const der = Buffer.from(await unit.requestOutOfBand());
    writeFileSync(
      join(folder, 'unit.csr'),
      `-----BEGIN CERTIFICATE REQUEST-----\n${der
        .toString('base64')
        .match(/.{1,64}/g)!
        .join('\n')}\n-----END CERTIFICATE REQUEST-----\n`,
    );
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      'root.key',
      '-out',
      'root-ca.crt',
      '-subj',
      '/CN=Root',
      '-days',
      '30',
    );
    openssl('req', ...key, '-keyout', 'mfg.key', '-out', 'mfg.csr', '-subj', '/CN=Factory');
    writeFileSync(join(folder, 'ca.ext'), 'basicConstraints=critical,CA:TRUE\n');
    openssl(
      'x509',
      '-req',
      '-in',
      'mfg.csr',
      '-CA',
      'root-ca.crt',
      '-CAkey',
      'root.key',
      '-CAcreateserial',
      '-extfile',
      'ca.ext',
      '-out',
      'mfg-intermediate.crt',
      '-days',
      '30',
    );
    openssl(
      'x509',
      '-req',
      '-in',
      'unit.csr',
      '-CA',
      'mfg-intermediate.crt',
      '-CAkey',
      'mfg.key',
      '-CAcreateserial',
      '-subj',
      `/CN=${id}`,
      '-out',
      `${id}.crt`,
      '-days',
      '30',
    );
    writeFileSync(join(folder, 'job.yaml'), articleText);
  });
  after(() => rmSync(folder, { recursive: true }));

  const work = async (on: SimulatedUnit) => {
    const fixture = new Fixture();
    fixture.load(on);
    const events: RunJobEvent[] = [];
    const link = new FixtureLink(fixture);
    try {
      const report = await runJob({
        files: readJobFiles(join(folder, 'job.yaml')),
        link,
        timers: { ...systemTimers, after: (ms, action) => systemTimers.after(ms / 20, action) },
        challenge,
        say: (event) => events.push(event),
      });
      return {
        report,
        events,
        commands: link.sent.filter((line) => !line.includes('hello')).map((line) => JSON.parse(line).cmd),
      };
    } finally {
      fixture.unload();
    }
  };

  it('I-25, I-27: writes, verifies the signature against the certificate, locks last, and yields no receipt', async () => {
    const { report, events, commands } = await work(unit);
    assert.equal(report.receipt, null);
    assert.equal(report.proven, true);
    assert.deepEqual(report.moved, ['program-boot-flags']);
    assert.deepEqual(report.not_possible, ['post-provision-selftest', 'program-boot-flags']);
    assert.deepEqual(commands, ['write_certs', 'set_device_id', 'sign_challenge', 'finalize']);
    assert.equal(events[0]?.event, 'plan');
    assert.equal(unit.summary().debug_lock, 'locked');
  });

  it('I-26: a unit with another key fails at the proof and stays open', async () => {
    const other = makeUnit({ ...plan, seed: 'another' }, 2);
    await assert.rejects(work(other), (error) => isImprintError(error, 'proof_wrong'));
    assert.equal(other.summary().debug_lock, 'open');
  });

  it('a unit that composes what it signs is sent to the station that has an authority', async () => {
    const modern = makeUnit({ ...plan, protocol: 'full' }, 3);
    await assert.rejects(work(modern), (error) => isImprintError(error, 'dut_refused'));
    assert.equal(modern.summary().device_id, null);
  });

  describe('files', () => {
    const refuses = (change: (text: string) => string, code: Parameters<typeof isImprintError>[1]) => {
      writeFileSync(join(folder, 'bad.yaml'), change(articleText));
      assert.throws(
        () => readJobFiles(join(folder, 'bad.yaml')),
        (error) => isImprintError(error, code!),
        String(code),
      );
    };

    it('a path that leaves the folder, by name or by link, is refused', () => {
      refuses((text) => text.replace(`${id}.crt`, '../outside.crt'), 'manifest_invalid');
      refuses((text) => text.replace(`${id}.crt`, '/etc/hostname'), 'manifest_invalid');
      symlinkSync('/etc/hostname', join(folder, 'link.crt'));
      refuses((text) => text.replace(`${id}.crt`, 'link.crt'), 'path_refused');
      symlinkSync('/etc', join(folder, 'etc'));
      refuses((text) => text.replace(`${id}.crt`, 'etc/hostname'), 'path_refused');
    });

    it('what is no ordinary file, too long or no certificate is refused', () => {
      mkdirSync(join(folder, 'folder.crt'));
      refuses((text) => text.replace(`${id}.crt`, 'folder.crt'), 'file_invalid');
      execFileSync('mkfifo', [join(folder, 'pipe.crt')]);
      refuses((text) => text.replace(`${id}.crt`, 'pipe.crt'), 'file_invalid');
      writeFileSync(join(folder, 'long.crt'), 'x'.repeat(1_000_000));
      refuses((text) => text.replace(`${id}.crt`, 'long.crt'), 'file_invalid');
      refuses((text) => text.replace(`${id}.crt`, 'job.yaml'), 'file_invalid');
      refuses((text) => text.replace(`${id}.crt`, 'missing.crt'), 'file_invalid');
    });

    it('a certificate for another ID, or one that its chain did not sign, is refused before the unit is touched', () => {
      refuses(
        (text) => text.replace('device_id: "SN-00012345"', 'device_id: "SN-0001234"'),
        'certificate_refused',
      );
      refuses(
        (text) =>
          text
            .replace('mfg-intermediate.crt', 'root-ca.crt')
            .replace('- "root-ca.crt"\n      - "root-ca.crt"', '- "root-ca.crt"'),
        'certificate_refused',
      );
      refuses((text) => text.replace('ec-p256', 'ed25519'), 'certificate_refused');
    });

    it('the placeholder hash, an unknown step and a manifest full of aliases are refused', () => {
      refuses(
        (text) => text.replace(/expected_sha256: .*/, 'expected_sha256: "REPLACE_WITH_BUILD_HASH"'),
        'manifest_invalid',
      );
      refuses((text) => text.replace('write-certs', 'erase-everything'), 'manifest_invalid');
      refuses((text) => text.replace('"B2"', '&a "B2"').replace('"gateway-wifi"', '*a'), 'manifest_invalid');
    });
  });
});
