import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { AuthorityDouble } from './authority.double.ts';
import { AuthorityServerDouble } from './authority-server.double.ts';
import { gatewayIds, gatewayText } from './bench.double.ts';
import { openStationHome } from './station-home.ts';

const server = new AuthorityServerDouble(
  new AuthorityDouble({ contractText: gatewayText, deviceIds: gatewayIds }),
);
const identity = server.identity();

describe("a station's folder", () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-station-home-'));
  const key = join(folder, 'station-key.pem');
  after(() => rmSync(folder, { recursive: true }));

  beforeEach(() => {
    const settings = {
      ...{ station_version: 1, realm: 'dev', station_id: 'st-1', authority_url: 'https://127.0.0.1:1' },
      ...{
        authority_ca_file: 'authority-ca.pem',
        certificate_file: 'station.pem',
        key_file: 'station-key.pem',
      },
      lanes: [],
    };
    writeFileSync(join(folder, 'station.json'), JSON.stringify(settings));
    writeFileSync(join(folder, 'authority-ca.pem'), server.authorityCaPem);
    writeFileSync(join(folder, 'station.pem'), identity.certificatePem);
    writeFileSync(key, identity.keyPem, { mode: 0o600 });
    chmodSync(key, 0o600);
  });

  const refusal = (says: RegExp) => (error: unknown) =>
    isImprintError(error, 'file_invalid') && says.test(error.message) && error.cause === undefined;

  it('opens with the key that its certificate is for', () => {
    assert.deepEqual(openStationHome(folder).identity, identity);
  });

  it('is refused where others can read its key', () => {
    chmodSync(key, 0o640);
    assert.throws(() => openStationHome(folder), refusal(/can be read by others/));
  });

  it('I-19: is refused where its key is damaged or another, and the refusal quotes none of it', () => {
    for (const spoilt of [
      identity.keyPem.replace(/.{9}\n-----END/, '!!!\n-----END'),
      '',
      server.identity().keyPem,
    ]) {
      writeFileSync(key, spoilt);
      assert.throws(
        () => openStationHome(folder),
        refusal(/^\S+station-key\.pem is not the key of \S+station\.pem$/),
      );
    }
  });
});
