/** A line of the prod realm on real processes: its roots come from a ceremony, and its CAs are added and rotated while it works. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { proveDevice } from '@imprint/authority/audit/prove';
import { registerOperator } from '@imprint/authority/registry/operators';
import { listCas } from '@imprint/authority/trust/cas';
import { parseReceipt, verifyReceipt } from '@imprint/contract/audit/receipt';
import { fromBase64 } from '@imprint/contract/bytes';
import { verifyTrustBundle } from '@imprint/contract/trust-bundle';
import { anyScope } from '@imprint/contract/x509/ca-scope';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { readCertificate } from './authority-home.ts';
import { ceremony, scratch } from './ceremony/ceremony.test-kit.ts';
import { signRequest } from './ceremony/sign-request.ts';
import { Child } from './demo/child.ts';
import { makeOrder, startStation, startTrays, type Tray } from './demo/line-setup.ts';
import type { DemoOptions } from './demo/options.ts';
import { installFurther } from './install-answers.ts';
import { askElsewhere, type CaOrder } from './make-ca.ts';
import { type OpenAuthority, openAuthority, systemEntropy } from './open-authority.ts';

const badge = 'OP-9a0d';

describe('a line of the prod realm', { timeout: 120_000 }, () => {
  const place = scratch();
  const children: Child[] = [];
  let prod: Awaited<ReturnType<typeof ceremony>>;
  let authority: OpenAuthority;
  let urls: { station: string; public: string };
  let tray: Tray;
  let station: Child;
  let deviceIds: string[];

  const start = (name: string, args: string[]) => {
    const child = new Child(name, name.startsWith('sim') ? [...args, '--realm', 'prod'] : args);
    children.push(child);
    return child;
  };
  /** Asked for, signed at the ceremony, installed: while the line works. */
  const addCa = async (order: CaOrder) => {
    const { file } = await askElsewhere(authority, order);
    await signRequest(prod.stick, readFileSync(file, 'utf8'), prod.terms);
    await installFurther(authority, prod.stick.folder, prod.stick.transcript.head);
  };

  before(async () => {
    prod = await ceremony(place, 'prod');
    const { folder } = prod.home;
    authority = await openAuthority(folder, { passphraseFile: place.at('pass') });
    const serve = start('serve', [
      'serve',
      '--home',
      folder,
      '--passphrase-file',
      place.at('pass'),
      '--json',
    ]);
    const ready = await serve.next(({ event }) => event === 'ready');
    urls = { station: String(ready.station), public: String(ready.public) };
    ({ deviceIds } = await makeOrder(authority, 2));
    const { line } = await authority.unlock();
    const person = { name: 'Test Person', badge };
    await registerOperator(authority.ledger, systemEntropy, authority.person, person, line.badgeHash);
    const options: DemoOptions = {
      ...{ devices: 2, lanes: 1, trays: 1, faults: 0, seed: 'prod', home: place.at('line') },
      ...{ link: 'tcp', keep: false, json: true },
    };
    [tray] = (await startTrays(options, place.at('prod', 'certificates', 'root.pem'), start)) as [Tray];
    // the listener began before this CA was there
    await addCa({ kind: 'station', scope: { ...anyScope, site: 'site-1' } });
    station = await startStation(
      options,
      authority,
      urls.station,
      'st-1',
      'provision',
      tray.lanes,
      badge,
      start,
    );
  });
  after(async () => {
    for (const child of children.reverse()) await child.stop();
    await authority.close();
    place.remove();
  });

  /** Works the n-th unit of the order and gives the scope of the CA that certified it. */
  async function workUnit(n: number): Promise<string> {
    const { fixture } = tray.lanes[0]!;
    const lay = JSON.stringify({ load: { fixture, unit: n } });
    await tray.sim.askInTurn(lay, ({ event }) => event === 'loaded');
    const id = deviceIds[n - 1]!;
    const verdict = await station.ask(`LANE-1 ${id}`, ({ event }) =>
      ['passed', 'failed', 'refused'].includes(event),
    );
    assert.equal(verdict.event, 'passed', JSON.stringify(verdict));
    await tray.sim.askInTurn(JSON.stringify({ unload: { fixture } }), ({ event }) => event === 'unloaded');
    const { receipts } = await authority.unlock();
    const text = await proveDevice(receipts, id);
    const rootDer = readCertificate(prod.home, 'root');
    const summary = verifyReceipt(text, { logKey: authority.logKey, rootDer, expectedRealm: 'prod' });
    assert.equal(summary.deviceId, id);
    const { sha256 } = parseCertificate(fromBase64(parseReceipt(text).chain_b64[1]!));
    const cas = await listCas(authority.ledger.reader);
    return cas.find(({ certificate_sha256 }) => certificate_sha256 === sha256)!.ca_id;
  }

  it('I-9: its station stands under a CA of its site, which came while the listener ran', async () => {
    const row = await authority.ledger.reader.selectFrom('station').selectAll().executeTakeFirstOrThrow();
    assert.equal(parseCertificate(row.certificate!).extensions.scope?.site, 'site-1');
  });

  it('makes a unit before a rotation and one after it, without a restart, and both receipts hold', async () => {
    assert.equal(await workUnit(1), 'device-issuing');
    await addCa({ kind: 'device', scope: anyScope, replaces: 'device-issuing' });
    assert.equal(await workUnit(2), 'device-issuing-2');
  });

  it('its bundle of trust anchors is out, newer than the one before, and under the root that units pin', async () => {
    const text = await (await fetch(`${urls.public}/ca/bundle`)).text();
    const root = readCertificate(prod.home, 'root');
    const { version, intermediates } = verifyTrustBundle(text, { root, realm: 'prod', newerThan: 1 });
    assert.deepEqual([version, intermediates.length], [2, 2]);
    const issuing = await (await fetch(`${urls.public}/ca/issuing.pem`)).text();
    assert.equal(issuing.match(/BEGIN CERTIFICATE/g)!.length, 2);
  });
});
