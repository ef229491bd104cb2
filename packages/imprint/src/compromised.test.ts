/** The rehearsal: a CA's key is stolen while a line works on real processes, and the playbook leaves nothing of the thief's believed. */
import assert from 'node:assert/strict';
import { execFileSync, fork, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '@imprint/authority/audit/verify';
import { nobodyApproved } from '@imprint/authority/lifecycle/approved';
import { type Destination, transitionDevice } from '@imprint/authority/lifecycle/transition';
import { showDevice } from '@imprint/authority/registry/devices';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { toPem } from '@imprint/contract/x509/pem';
import type { Ended } from './commands/command-loop.test-kit.ts';
import { Child, type ChildEvent } from './demo/child.ts';
import { type DemoLine, setUpLine } from './demo/line-setup.ts';

describe('a CA whose key was stolen', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-compromised-'));
  const children: Child[] = [];
  const start = (name: string, args: string[]) => {
    const child = new Child(name, args);
    children.push(child);
    return child;
  };
  const loop = fork(fileURLToPath(new URL('./commands/command-loop.test-kit.ts', import.meta.url)));
  let line: DemoLine;

  before(async () => {
    const options = { devices: 4, lanes: 1, trays: 1, faults: 0, seed: 'stolen', home: folder };
    line = await setUpLine({ ...options, link: 'tcp', keep: false, json: true }, start, () => {});
  });
  after(async () => {
    loop.kill();
    for (const child of children.reverse()) await child.stop();
    await line.authority.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function imprint(...args: string[]) {
    loop.send([...args, '--home', line.authorityHome, '--json']);
    const [ended] = (await once(loop, 'message')) as [Ended];
    return ended;
  }
  async function done(...args: string[]) {
    const { status, stdout, stderr } = await imprint(...args);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }
  const isVerdict = ({ event }: ChildEvent) => ['passed', 'failed', 'refused'].includes(event);
  /** Unit and device ID are counted from 1 and 0. */
  async function visit(
    which: 'provision' | 'pack',
    unit: number,
    id = line.deviceIds[unit - 1],
  ): Promise<ChildEvent> {
    const tray = line.trays[0]!;
    const [station, place] = which === 'pack' ? [line.packing, tray.packing] : [line.station, tray.lanes[0]!];
    const load = JSON.stringify({ load: { fixture: place.fixture, unit } });
    await tray.sim.askInTurn(load, ({ event }) => event === 'loaded');
    const verdict = await station.ask(`LANE-1 ${id}`, isVerdict);
    const unload = JSON.stringify({ unload: { fixture: place.fixture } });
    await tray.sim.askInTurn(unload, ({ event }) => event === 'unloaded');
    return verdict;
  }
  async function make(unit: number, id?: string) {
    for (const which of ['provision', 'pack'] as const) {
      const verdict = await visit(which, unit, id);
      assert.equal(verdict.event, 'passed', JSON.stringify(verdict));
    }
  }
  async function move(id: string, ...ways: Destination[]) {
    const { ledger, contracts, person: by } = line.authority;
    for (const to of ways) {
      await transitionDevice(
        ledger,
        { contracts, approved: nobodyApproved },
        { by, deviceId: id, to, reason: 'so' },
      );
    }
  }
  const device = (at: number) => showDevice(line.authority.ledger.reader, line.deviceIds[at]!);
  const publicFile = async (path: string) => {
    const answer = await fetch(`${line.publicUrl}${path}`);
    assert.equal(answer.status, 200, path);
    return Buffer.from(await answer.arrayBuffer());
  };

  /** What a thief with the CA's key makes at home: a device that no factory has seen. */
  async function forge(): Promise<string> {
    const { keys } = await line.authority.unlock();
    const key = await keys.read(keyNames.issuing);
    const at = (name: string) => join(folder, name);
    writeFileSync(at('stolen.pem'), key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(at('issuing.pem'), toPem('CERTIFICATE', await issuing()));
    const run = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
    run(
      ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', 'thief.key', '-out', 'thief.csr', '-subj', '/O=Example Devices/CN=GW-M1-FORGED'],
    );
    run(
      ...['x509', '-req', '-in', 'thief.csr', '-CA', 'issuing.pem', '-CAkey', 'stolen.pem', '-days', '3650'],
      ...['-set_serial', `0x7a${randomBytes(9).toString('hex')}`, '-out', 'thief.pem'],
    );
    return at('thief.pem');
  }
  const issuing = async () =>
    (
      await line.authority.ledger.reader
        .selectFrom('ca')
        .select('certificate')
        .where('ca_id', '=', keyNames.issuing)
        .executeTakeFirstOrThrow()
    ).certificate!;
  const ocspSays = async (certificate: string) => {
    writeFileSync(
      join(folder, 'root.pem'),
      readFileSync(join(line.authorityHome, 'certificates', 'root.pem')),
    );
    const asked = ['ocsp', '-issuer', 'issuing.pem', '-CAfile', 'root.pem', '-cert', certificate];
    const url = ['-url', `${line.publicUrl}/ocsp`, '-verify_other', 'issuing.pem', '-no_nonce'];
    const { stdout } = spawnSync('openssl', [...asked, ...url], { cwd: folder, encoding: 'utf8' });
    return stdout;
  };

  it('is rehearsed: shown, stopped, revoked, disowned, published, replaced, and the line goes on under another', async () => {
    await make(1);
    await move(line.deviceIds[0]!, 'stocked', 'shipped');
    await make(2);
    const forged = await forge();

    const { size } = await line.authority.ledger.head();
    const shown = await done('ca', 'compromise', keyNames.issuing, '--dry-run', '--seen', forged);
    assert.deepEqual(shown.outcomes, { 'certify-anew': 1, 'set-aside': 1, revoke: 0, revoked: 0 });
    assert.deepEqual(
      shown.seen.map(({ recognised }: { recognised: string }) => recognised),
      ['unknown'],
    );
    assert.equal((await line.authority.ledger.head()).size, size, 'a rehearsal writes nothing');

    const list = join(folder, 'issued.csv');
    const report = await done(
      ...['ca', 'compromise', keyNames.issuing, '--reason', 'the token is missing'],
      ...['--seen', forged, '--list', list],
    );
    assert.deepEqual([report.revoked_now, report.disowned, report.successors], [2, 1, []]);
    assert.equal(report.is_revoked_by_root, true);
    const [head, ...rows] = readFileSync(list, 'utf8').trim().split('\r\n');
    assert.match(head!, /"device_id","profile","serial"/);
    assert.deepEqual(rows.map((row) => row.split(',').at(-1)).sort(), ['"certify-anew"', '"set-aside"']);
    assert.deepEqual([(await device(0)).state, (await device(1)).state], ['shipped', 'quarantined']);

    const refused = await visit('provision', 3);
    assert.equal(refused.event, 'failed');
    assert.match(String(refused.message), /no active device CA may certify/);

    const { bundle } = { bundle: JSON.parse((await publicFile('/ca/bundle')).toString()) };
    assert.deepEqual([bundle.version, bundle.intermediates_b64], [2, []]);
    writeFileSync(join(folder, 'own.pem'), toPem('CERTIFICATE', await certificateOf(0)));
    for (const certificate of [forged, join(folder, 'own.pem')]) {
      assert.match(await ocspSays(certificate), /: revoked/, certificate);
    }

    await done('ca', 'create', '--id', 'device-issuing-2');
    const { orders } = await done('ca', 'replace-units', keyNames.issuing);
    assert.deepEqual(
      orders.map(({ order_id, units, outcome }: Record<string, unknown>) => [order_id, units, outcome]),
      [[line.orderId, 1, 'opened']],
    );
    const [replacement] = await line.authority.ledger.reader
      .selectFrom('device')
      .select('device_id')
      .where('order_id', '=', orders[0].replacement_id)
      .execute();
    await make(4, replacement!.device_id);
    const after = await done('ca', 'compromise', keyNames.issuing);
    assert.deepEqual(
      [after.revoked_now, after.outcomes.revoked, after.successors],
      [0, 2, ['device-issuing-2']],
    );
    // of one moment: the authority publishes its CRLs meanwhile
    const found = await withSnapshot(line.authority.storage, (db) => verifyLog(db, { realm: 'dev' }));
    assert.deepEqual(found.findings, []);
  });

  it('I-11: of a station CA, its stations are refused at their next request, and the doctor fails until the listener has another', async () => {
    const stolen = await done('ca', 'compromise', keyNames.stationCa, '--reason', 'the same safe');
    assert.deepEqual([stolen.stations, stolen.revoked_now], [['pack-1', 'st-1'], 2]);
    const refused = await visit('provision', 3);
    assert.notEqual(refused.event, 'passed', JSON.stringify(refused));
    const revoked = await line.authority.ledger.reader
      .selectFrom('revocation')
      .innerJoin('ca', 'ca.certificate_sha256', 'revocation.issuer_sha256')
      .select('ca.ca_id')
      .where('revocation.reason', '=', 'station-revoked')
      .execute();
    assert.deepEqual(
      revoked.map(({ ca_id }) => ca_id),
      [keyNames.stationCa, keyNames.stationCa],
    );
    const verdict = async () => {
      const { checks } = JSON.parse((await imprint('doctor')).stdout);
      return checks.find(({ name }: { name: string }) => name === 'compromised CAs').verdict;
    };
    assert.equal(await verdict(), 'fail');
    await done('ca', 'create', '--kind', 'station', '--id', 'station-issuing-2');
    await done('ca', 'renew-server');
    assert.equal(await verdict(), 'ok');
    const server = join(line.authorityHome, 'certificates', 'server.pem');
    const successor = (await done('ca', 'list')).cas.at(-1);
    writeFileSync(join(folder, 'next.pem'), successor.certificate_pem);
    const shown = ['verify', '-partial_chain', '-CAfile', join(folder, 'next.pem'), server];
    assert.match(execFileSync('openssl', shown, { encoding: 'utf8' }), /OK/);
  });

  async function certificateOf(at: number): Promise<Uint8Array> {
    const row = await line.authority.ledger.reader
      .selectFrom('credential')
      .select('certificate')
      .where('device_id', '=', line.deviceIds[at]!)
      .executeTakeFirstOrThrow();
    return row.certificate!;
  }
});
