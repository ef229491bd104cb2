/** The door's own certificate, over real TLS: whose it is, that it is made anew when its CA ends, and that it waits for a CA. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { connect } from 'node:tls';
import { sha256Hex } from '@imprint/contract/hash';
import { anyScope } from '@imprint/contract/x509/ca-scope';
import { actOn } from '../act-as.ts';
import { configurationOf, scratch } from '../ceremony/ceremony.test-kit.ts';
import { initAuthority } from '../init-authority.ts';
import { makeDevCa } from '../make-ca.ts';
import { openAuthority } from '../open-authority.ts';
import { DeviceDoor } from './device-door.ts';

const place = scratch();
after(() => place.remove());

/** SHA-256 of the certificate that the door shows to a device, which trusts its root and nothing else. */
async function shownAt(origin: string, folder: string): Promise<{ leaf: string; issuer: string }> {
  const { port } = new URL(origin);
  const ca = readFileSync(join(folder, 'certificates', 'root.pem'));
  const socket = connect({ host: '127.0.0.1', port: Number(port), servername: 'localhost', ca });
  await once(socket, 'secureConnect');
  assert.ok(socket.authorized);
  const { raw, issuerCertificate } = socket.getPeerCertificate(true);
  socket.destroy();
  return { leaf: sha256Hex(raw), issuer: sha256Hex(issuerCertificate.raw) };
}

const retire = (folder: string, ca_id: string) =>
  actOn({ home: folder }, 'ca.manage', async ({ ledger, person }) => {
    const data = { ca_id, reason: 'its year is over' };
    await ledger.submit(async () => ({
      entries: [{ type: 'ca.retired', actor: person, data }],
      reply: () => undefined,
    }));
  });

it('what is over is certified anew under a CA that lives, and connections from then on meet that', async (t) => {
  const { folder } = await initAuthority(place.at('renewed'), configurationOf('dev'));
  const authority = await openAuthority(folder);
  const unlocked = await authority.unlock();
  const door = new DeviceDoor(authority, unlocked, { folder, host: '127.0.0.1', port: 0 });
  t.after(async () => {
    await door.close();
    await authority.close();
  });
  const { device } = (await door.open())!;
  const first = await shownAt(device, folder);
  await door.look();
  assert.deepEqual(await shownAt(device, folder), first, 'what is not over stays');
  await actOn({ home: folder }, 'ca.manage', async (acting) => {
    await makeDevCa(acting, { kind: 'device', scope: { ...anyScope, product: 'gateway' } });
  });
  await retire(folder, 'device-issuing');
  await door.look();
  const second = await shownAt(device, folder);
  assert.notEqual(second.leaf, first.leaf);
  assert.notEqual(second.issuer, first.issuer);
  const rows = await authority.ledger.reader.selectFrom('server_key').select('certificate_sha256').execute();
  assert.deepEqual(rows.map((row) => row.certificate_sha256).sort(), [first.leaf, second.leaf].sort());
});

it('a door without a CA that may certify it stays shut and says why, and opens when there is one', async (t) => {
  const { folder } = await initAuthority(place.at('waiting'), configurationOf('dev'));
  await retire(folder, 'device-issuing');
  const authority = await openAuthority(folder);
  const door = new DeviceDoor(authority, await authority.unlock(), { folder, host: '127.0.0.1', port: 0 });
  t.after(async () => {
    await door.close();
    await authority.close();
  });
  assert.equal(await door.open(), null);
  await assert.rejects(door.look(), { code: 'ca_missing' });
  await actOn({ home: folder }, 'ca.manage', async (acting) => {
    await makeDevCa(acting, { kind: 'device', scope: anyScope });
  });
  await door.look();
  assert.equal(door.isOpen, true);
});
