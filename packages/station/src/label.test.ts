import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { SpoolLabelPrinter } from './label.ts';
import { lineFailureOf } from './line-failure.ts';
import { whatToDo } from './operator-ui/advice.ts';

describe('a label printer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-label-'));
  after(() => rmSync(folder, { recursive: true }));

  it('spools the text for its owner alone, and hands its path to the command as one argument', async () => {
    const script = join(folder, 'print.mjs');
    writeFileSync(
      script,
      "import { writeFileSync } from 'node:fs';\nwriteFileSync(process.argv[2], JSON.stringify(process.argv.slice(3)));\n",
    );
    const seen = join(folder, 'seen');
    const printer = new SpoolLabelPrinter(join(folder, 'a folder'), [process.execPath, script, seen]);
    const path = await printer.print('SN-00000001', 'qr');
    assert.equal(readFileSync(path, 'utf8'), 'qr\nSN-00000001\n');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(readFileSync(seen, 'utf8')), [path]);
  });

  it('refuses an ID that is none: no path or option comes of it', async () => {
    const printer = new SpoolLabelPrinter(folder);
    for (const id of ['../../etc/x', '-rf', 'a b', '$(reboot)', '']) {
      await assert.rejects(
        printer.print(id, 'qr'),
        (error) => isImprintError(error, 'device_id_invalid'),
        id,
      );
    }
  });

  it('a printer that fails is told of as such, and the operator is sent to it', async () => {
    const printer = new SpoolLabelPrinter(folder, ['/no/such/printer']);
    await assert.rejects(printer.print('SN-1', 'qr'), (error) => {
      const failure = lineFailureOf(error, 'label');
      assert.equal(failure.code, 'station_failed');
      assert.match(whatToDo(failure, null), /printer/);
      assert.equal(failure.stopsStation, false);
      return true;
    });
  });
});
