/** The search is only worth what it finds: secrets are hidden in every way that software writes them, and must be seen. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { encodeEnrolmentToken } from '@imprint/contract/enrolment-token';
import { seededEntropy } from '@imprint/sim/entropy';
import { SecretSearch } from './search.ts';

const seed = 'search 1';
const draw = seededEntropy(seed);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = privateKey.export({ format: 'jwk' });
const scalar = Buffer.from(jwk.d!, 'base64url');
const key = { name: 'a key', kind: 'key', values: [scalar] };
const search = new SecretSearch([key]);

function seen(content: Uint8Array | string): boolean {
  return search.in({ name: 'a place', kind: 'file', bytes: Buffer.from(content) }).length === 1;
}

const exported = (type: 'pkcs8' | 'sec1', format: 'pem' | 'der') =>
  privateKey.export({ type, format } as never);
const pem = String(exported('pkcs8', 'pem'));

const hidden: Record<string, Uint8Array | string> = {
  'the bytes in the midst of others': Buffer.concat([draw(1001), scalar, draw(77)]),
  'PKCS #8, DER': exported('pkcs8', 'der'),
  'PKCS #8, PEM': pem,
  'PEM with the line breaks of another system': pem.replaceAll('\n', '\r\n'),
  'SEC 1, DER': exported('sec1', 'der'),
  'SEC 1, PEM': exported('sec1', 'pem'),
  'PEM in JSON': JSON.stringify({ key: pem }),
  'PEM in JSON in JSON': JSON.stringify({ body: JSON.stringify({ key: pem }) }),
  'DER in hex': Buffer.from(exported('pkcs8', 'der')).toString('hex'),
  'a JWK': JSON.stringify(jwk),
  'upper-case hex': scalar.toString('hex').toUpperCase(),
  'hex with colons, in lines': scalar
    .toString('hex')
    .replace(/(..)/g, '$1:')
    .replace(/(.{45})/g, '$1\n    '),
  'a buffer as Node shows it': inspect(scalar),
  'an array as Node shows it': inspect(new Uint8Array(scalar)),
  'a buffer in JSON': JSON.stringify(scalar),
  'base64 in a URL': `https://example.com/?key=${encodeURIComponent(scalar.toString('base64'))}`,
  'hex inside a token': encodeEnrolmentToken({
    realm: 'dev',
    station_id: 'st-1',
    url: 'https://127.0.0.1:1',
    pin_sha256: '0'.repeat(64),
    secret: scalar.toString('hex'),
  }),
  'the first half of a line that was cut': `key=${scalar.toString('hex').slice(0, 34)}…`,
  'the second half of the bytes': Buffer.concat([draw(9), scalar.subarray(16)]),
};

describe(`the search (seed ${seed})`, () => {
  for (const [what, content] of Object.entries(hidden)) {
    it(`sees ${what}`, () => assert.ok(seen(content)));
  }

  it('sees base64 at every alignment, in both alphabets', () => {
    for (let before = 0; before < 3; before++) {
      const bytes = Buffer.concat([draw(before), scalar, draw(5)]);
      assert.ok(seen(bytes.toString('base64')));
      assert.ok(seen(bytes.toString('base64url')));
    }
  });

  it('sees what was deleted from a database and stays in its free pages', () => {
    const folder = mkdtempSync(join(tmpdir(), 'imprint-search-'));
    try {
      const db = new DatabaseSync(join(folder, 'test.db'));
      db.exec('create table kept (content blob)');
      db.prepare('insert into kept values (?)').run(Buffer.concat([scalar, Buffer.alloc(9_000)]));
      db.exec('delete from kept');
      db.close();
      assert.ok(seen(readFileSync(join(folder, 'test.db'))));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('sees nothing in random bytes, in hex and base64 of them, or in the public half', () => {
    const noise = Buffer.from(draw(1_000_000));
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const content = [
      noise,
      noise.toString('hex'),
      noise.toString('base64'),
      [...noise.subarray(0, 100_000)].join(', '),
    ];
    for (const each of content) assert.ok(!seen(each));
    assert.ok(!seen(publicKey.export({ type: 'spki', format: 'pem' })));
  });

  it('tells which of many secrets it was, and names no more than that', () => {
    const many = Array.from({ length: 200 }, (_, at) => ({
      name: `secret ${at}`,
      kind: 'key',
      values: [draw(32)],
    }));
    const bytes = Buffer.from(`a ${Buffer.from(many[17]!.values[0]!).toString('base64')} z`);
    const hits = new SecretSearch(many).in({ name: 'a log', kind: 'file', bytes });
    assert.deepEqual(
      hits.map(({ secret, form }) => [secret.name, form]),
      [['secret 17', 'base64']],
    );
  });

  it('refuses a secret so short that chance would find it', () => {
    assert.throws(
      () => new SecretSearch([{ name: 'a PIN', kind: 'pin', values: [Buffer.from('1234')] }]),
      TypeError,
    );
  });
});
