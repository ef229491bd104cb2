/** Trust anchors reach a device by the word of a root that it has: a newer bundle is taken, an older, foreign or changed one is not. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { openIssuer } from '@imprint/authority/issuing/issuer';
import { openLine } from '@imprint/authority/jobs/line.test-kit';
import { idsOf } from '@imprint/authority/lifecycle/lifecycle.test-kit';
import { softwareSigner } from '@imprint/authority/signer/software';
import { signBundle } from '@imprint/authority/trust/bundles';
import { toBase64 } from '@imprint/contract/bytes';
import type { DeviceState } from '@imprint/device/device-state';
import { takeBundle } from '@imprint/device/take-bundle';

let server: Server;
let served: { status: number; text: string } = { status: 404, text: '' };
before(async () => {
  server = createServer((_, answer) => answer.writeHead(served.status).end(served.text));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});
after(() => void server.close());

test('the newest bundle of its root is taken once, and nothing else', async () => {
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ca/bundle`);
  const [own, foreign] = [await openLine(idsOf(1)), await openLine(idsOf(1))];
  try {
    const bundleOf = ({ hierarchy, core }: typeof own, version: number) => {
      const root = openIssuer(hierarchy.certificates.root, softwareSigner(hierarchy.keys.root), 'dev');
      return signBundle(root, version, [hierarchy.certificates.issuing], core.clock());
    };
    const state: DeviceState = {
      ...{ v: 1, realm: 'dev', device_id: 'GW-0001', bundle_version: 3 },
      anchors_b64: [toBase64(own.hierarchy.certificates.root)],
      ...{ idevid: null, ldevid: null, former: null, asked: null, configuration: null },
      clock_floor: own.core.clock().toISOString(),
    };
    const offered = async (status: number, text: string) => {
      served = { status, text };
      return (await takeBundle(url, state))?.bundle_version;
    };
    const newer = await bundleOf(own, 4);
    assert.equal(await offered(404, ''), undefined);
    assert.equal(await offered(200, await bundleOf(own, 3)), undefined, 'one that it has');
    assert.equal(await offered(200, await bundleOf(foreign, 9)), undefined, 'another root’s');
    assert.equal(await offered(200, newer.replace('"version":4', '"version":5')), undefined, 'a changed one');
    assert.equal(await offered(200, `${newer}${' '.repeat(1024 * 1024)}`), undefined, 'one without end');
    assert.equal(await offered(200, newer), 4);
  } finally {
    await own.close();
    await foreign.close();
  }
});
