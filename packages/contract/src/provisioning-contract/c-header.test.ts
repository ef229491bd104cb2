/** The C header, judged by a C compiler: it compiles, says what the contract says, and stops a build for another realm. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isImprintError } from '../errors.ts';
import { storageMapSha256 } from '../factory-config.ts';
import { parseProvisioningContract, renderCHeader } from '../provisioning-contract.ts';

const rootSha256 = `00ff${'5a'.repeat(30)}`;
const parsed = ['gateway', 'sensor'].map((name) =>
  parseProvisioningContract(
    readFileSync(new URL(`../../../../examples/contracts/${name}.yaml`, import.meta.url), 'utf8'),
    name,
  ),
);

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-header-'));
});
after(() => rmSync(folder, { recursive: true }));

const strict = ['-std=c99', '-Wall', '-Wextra', '-Werror', '-x', 'c'];

function run(command: string, args: string[]) {
  const result = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (result.error !== undefined) {
    assert.fail(`${command} is missing: install the package gcc (${result.error.message})`);
  }
  return result;
}

for (const { contract, sha256 } of parsed) {
  test(`the header of ${contract.product} compiles alone and without a warning`, () => {
    writeFileSync(join(folder, 'contract.h'), renderCHeader(contract, sha256, { realm: 'dev', rootSha256 }));
    const { status, stderr } = run('cc', [...strict, '-fsyntax-only', 'contract.h']);
    assert.equal(status, 0, stderr);
  });

  test(`a program built with the header of ${contract.product} sees the contract's values`, () => {
    writeFileSync(join(folder, 'contract.h'), renderCHeader(contract, sha256, { realm: 'test', rootSha256 }));
    writeFileSync(
      join(folder, 'main.c'),
      `#include <stdio.h>
#include "contract.h"
#include "contract.h"
static const unsigned char root[32] = IMPRINT_ROOT_SHA256_BYTES;
static const unsigned char map[32] = IMPRINT_STORAGE_MAP_SHA256_BYTES;
#define PRINT_ITEM(item, partition, bytes, access, read_back) \\
  printf("%s %s %u %u %u\\n", #item, partition, (unsigned)bytes, access, read_back);
int main(void) {
  unsigned i;
  IMPRINT_STORAGE_MAP(PRINT_ITEM)
  printf("%s %s %s\\n", IMPRINT_PRODUCT, IMPRINT_CONTRACT_REVISION, IMPRINT_CONTRACT_SHA256);
  printf("%s %u%u%u\\n", IMPRINT_REALM, IMPRINT_REALM_IS_DEV, IMPRINT_REALM_IS_TEST, IMPRINT_REALM_IS_PROD);
  printf("%u %s %u\\n", IMPRINT_FIRMWARE_ROLLBACK_COUNTER, IMPRINT_KEY_TYPE, IMPRINT_DEBUG_LOCK_PERMANENT);
  printf("%u\\n", IMPRINT_REFURBISHED);
  for (i = 0; i < 32; i++) printf("%02x", root[i]);
  for (i = 0; i < 32; i++) printf("%02x", map[i]);
  return 0;
}
`,
    );
    const built = run('cc', [...strict, '-pedantic', 'main.c', '-o', 'main']);
    assert.equal(built.status, 0, built.stderr);
    const access = ['field-writable', 'locked-at-seal', 'one-way', 'sign-only'];
    const readBack = ['required', 'hash', 'forbidden'];
    const expected = [
      ...contract.storage_map.map(
        (entry) =>
          `${entry.item} ${entry.partition} ${entry.max_bytes} ${access.indexOf(entry.access)} ${readBack.indexOf(entry.read_back)}`,
      ),
      `${contract.product} ${contract.revision} ${sha256}`,
      'test 010',
      `${contract.firmware.rollback_counter} ${contract.credential.key_type} ${contract.lock_policy.debug === 'locked-permanently' ? 1 : 0}`,
      contract.rework.custody_lost === 'rotate' ? '1' : '0',
      rootSha256 + storageMapSha256(contract),
    ];
    assert.equal(run(join(folder, 'main'), []).stdout, expected.join('\n'));
  });
}

test('I-20: a header of one realm stops a build that expects another', () => {
  const { contract, sha256 } = parsed[0]!;
  for (const realm of ['dev', 'test', 'prod'] as const) {
    writeFileSync(join(folder, 'contract.h'), renderCHeader(contract, sha256, { realm, rootSha256 }));
    for (const expected of ['dev', 'test', 'prod']) {
      const { status } = run('cc', [
        ...strict,
        '-fsyntax-only',
        `-DIMPRINT_EXPECT_REALM_${expected.toUpperCase()}=1`,
        'contract.h',
      ]);
      assert.equal(status === 0, expected === realm, `${realm} built for ${expected}`);
    }
  }
});

test('the largest roll-back counter fits', () => {
  const { contract, sha256 } = parsed[0]!;
  const firmware = { ...contract.firmware, rollback_counter: 0xffff_ffff };
  const header = renderCHeader({ ...contract, firmware }, sha256, { realm: 'dev', rootSha256 });
  writeFileSync(
    join(folder, 'contract.h'),
    `${header}unsigned counter = IMPRINT_FIRMWARE_ROLLBACK_COUNTER;\n`,
  );
  assert.equal(run('cc', [...strict, '-fsyntax-only', 'contract.h']).status, 0);
});

test('refuses a root pin that is no SHA-256', () => {
  const { contract, sha256 } = parsed[0]!;
  for (const pin of ['', rootSha256.slice(1), rootSha256.toUpperCase(), `${rootSha256}\n`]) {
    assert.throws(
      () => renderCHeader(contract, sha256, { realm: 'dev', rootSha256: pin }),
      (error) => isImprintError(error, 'bad_request'),
    );
  }
});
