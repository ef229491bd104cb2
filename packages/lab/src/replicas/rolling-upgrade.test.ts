/** Two versions of the program on one database, as during an upgrade, each of which would sign other bytes; and a home whose CA is another one. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeKey, softwareSigner } from '@imprint/authority/signer/software';
import { TestServer } from '@imprint/authority/storage/postgres/server.test-kit';
import { createHierarchy, keyNames } from '@imprint/authority/trust/hierarchy';
import { openKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { authorityHome, certificateFiles, writeCertificate } from 'imprint/authority-home';
import { homePassphrase, systemClock, systemEntropy } from 'imprint/open-authority';
import { CrashLine } from '../processes/crash-line.ts';
import { judge, ofType, readLog } from '../processes/judgement.ts';
import { type Replica, Replicas, serveInVain } from './replicas.ts';

const server = await TestServer.start();
const nextProfile = new URL('./next-profile.test-kit.ts', import.meta.url);

describe('an upgrade, one process after the other', { timeout: 120_000 }, () => {
  let line: CrashLine;
  let replicas: Replicas;
  let old: Replica;
  let next: Replica;
  before(async () => {
    line = await CrashLine.start({
      ...{ name: 'upgrade', devices: 8, lanes: 1 },
      database: await server.database(),
    });
    replicas = new Replicas(line, server.socket);
    [old, next] = await Promise.all([
      replicas.add({ name: 'old' }),
      replicas.add({
        name: 'next',
        environment: { NODE_OPTIONS: `--import=${nextProfile}`, NODE_DISABLE_COMPILE_CACHE: '1' },
      }),
    ]);
  });
  after(async () => {
    await replicas.close();
    await line.close();
  });

  async function workUnit(): Promise<string> {
    const unit = line.newUnit();
    const verdict = await line.work(line.lanes[0]!, unit);
    assert.equal(verdict.event, 'passed', `${unit.id}: ${JSON.stringify(verdict)}`);
    return unit.id;
  }

  /** Each intent of a device, with the types of the entries that tell its fate. */
  async function credentialsOf(id: string) {
    const entries = await readLog(line);
    const intents = ofType(entries, 'credential.intended').filter(({ data }) => data.device_id === id);
    const fateOf = (credentialId: string) =>
      entries
        .filter(({ data }) => 'credential_id' in data && data.credential_id === credentialId)
        .map(({ type }) => type);
    return intents.map(({ data }) => ({ ...data, fate: fateOf(data.credential_id) }));
  }

  for (const [title, parts] of [
    ['the old version and finished by the next', () => ({ first: old, second: next })],
    ['the next version and finished by the old', () => ({ first: next, second: old })],
  ] as const) {
    it(`I-2, I-13: a certificate that is begun by ${title} is a new intent of other bytes, and the late one releases nothing`, async () => {
      const { first, second } = parts();
      replicas.lead(first.frontPort);
      first.back.judge = (bytes) => (bytes.includes('credential.issued') ? 'stall' : 'pass');
      const working = workUnit();
      await line.until(async () => first.back.stalled);
      // its session ends, and it does not hear of it
      await server.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'imprint-writer' and state = 'idle in transaction'`);
      replicas.lead(second.frontPort);
      const id = await working;
      first.back.judge = () => 'pass';
      first.back.flow();
      replicas.lead(first.frontPort);
      const [own] = await credentialsOf(await workUnit());
      const [begun, finished, ...more] = await credentialsOf(id);
      assert.deepEqual(more, []);
      assert.deepEqual(begun!.fate, ['credential.intended', 'credential.revoked']);
      assert.deepEqual(finished!.fate, ['credential.intended', 'credential.issued']);
      assert.equal(begun!.public_key_sha256, finished!.public_key_sha256, 'one key');
      assert.notEqual(begun!.profile_sha256, finished!.profile_sha256, 'two profiles');
      assert.notEqual(begun!.owner, finished!.owner);
      assert.deepEqual(
        [own!.owner, own!.profile_sha256],
        [begun!.owner, begun!.profile_sha256],
        'the late one was heard, and works on',
      );
    });
  }

  it('I-13: a process whose home has another issuing CA is told at once, and serves nobody', async () => {
    const { home } = await replicas.home('other-ca');
    const paths = authorityHome(home);
    const { certificates, keys } = await createHierarchy({
      ...{ realm: 'dev', organization: 'Example Devices', hosts: [] },
      ...{ now: systemClock(), entropy: systemEntropy, makeKey, openSigner: softwareSigner },
    });
    const folder = await openKeyFolder(
      paths.keys,
      await homePassphrase(paths, 'dev', undefined),
      systemEntropy,
    );
    for (const file of [
      join(paths.certificates, certificateFiles.issuing),
      join(paths.keys, `${keyNames.issuing}.key`),
    ])
      rmSync(file, { recursive: true });
    writeCertificate(paths, 'issuing', certificates.issuing);
    await folder.write(keyNames.issuing, keys.issuing);
    const { code, errorText } = await serveInVain(home);
    assert.equal(code, 1);
    assert.match(errorText, /realm_mismatch: .*issuing-ca\.pem is another certificate than the log names/);
  });

  it('I-2, I-3, I-7, I-15, I-16: log, tables and units agree, whichever version certified them', async () => {
    const profiles = ofType(await readLog(line), 'credential.issued').length;
    assert.equal(profiles, line.unitsUsed);
    await judge(line, line.unitsUsed);
  });
});
