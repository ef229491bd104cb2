/** What the demo comes to: counted from the authority's own records and its verified log, not from what was shown. */
import { join } from 'node:path';
import { styleText } from 'node:util';
import { verifyLog } from '@imprint/authority/audit/verify';
import { verifyCheckpoint } from '@imprint/contract/audit/checkpoint';
import { toHex } from '@imprint/contract/bytes';
import { limits } from '@imprint/contract/limits';
import { certificateFiles } from '../authority-home.ts';
import { plain } from '../say.ts';
import type { DemoLine } from './line-setup.ts';
import type { Progress } from './progress.ts';

const reasonCharacters = 90;

export interface DemoResult {
  devices: number;
  done: number;
  quarantined: number;
  seconds: number;
  unitSecondsP50: number;
  unitSecondsP95: number;
  issued: number;
  logSize: number;
  rootHash: string;
  home: string;
}

export interface Summary {
  result: DemoResult;
  /** True where every unit is done or set aside with a reason, and the log verifies. */
  ok: boolean;
  text: string;
}

export async function summarize(line: DemoLine, progress: Progress, home: string): Promise<Summary> {
  const { ledger, logKey, configuration } = line.authority;
  const seconds = progress.seconds;
  const records = await count(line);
  const checkpoint = await fetchCheckpoint(line.publicUrl);
  const head = verifyCheckpoint(checkpoint, logKey);
  const verified = await verifyLog(ledger.reader, {
    realm: configuration.realm,
    earlier: { texts: [checkpoint], key: logKey },
  });
  const result: DemoResult = {
    devices: progress.total,
    done: records.done,
    quarantined: progress.count('quarantined'),
    seconds: round(seconds),
    unitSecondsP50: round(progress.unitSeconds(0.5)),
    unitSecondsP95: round(progress.unitSeconds(0.95)),
    issued: records.issued,
    logSize: head.size,
    rootHash: toHex(head.root),
    home,
  };
  const accounted =
    records.done + result.quarantined === progress.total && progress.count('done') === records.done;
  return {
    result,
    ok: accounted && verified.ok,
    text: render(line, progress, result, verified.ok, records.manufactured),
  };
}

async function count(line: DemoLine): Promise<{ done: number; issued: number; manufactured: number }> {
  const db = line.authority.ledger.reader;
  const number = (row: { count: number | string | bigint }) => Number(row.count);
  const jobs = await db
    .selectFrom('job')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('order_id', '=', line.orderId)
    .where('state', '=', 'done')
    .executeTakeFirstOrThrow();
  const certificates = await db
    .selectFrom('credential')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('certificate_sha256', 'is not', null)
    .executeTakeFirstOrThrow();
  const manufactured = await db
    .selectFrom('device')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('order_id', '=', line.orderId)
    .where('state', '=', 'manufactured')
    .executeTakeFirstOrThrow();
  return { done: number(jobs), issued: number(certificates), manufactured: number(manufactured) };
}

async function fetchCheckpoint(publicUrl: string): Promise<string> {
  const response = await fetch(`${publicUrl}/checkpoint`, {
    signal: AbortSignal.timeout(limits.requestTimeoutMs),
  });
  return response.text();
}

function render(
  line: DemoLine,
  progress: Progress,
  result: DemoResult,
  verified: boolean,
  manufactured: number,
): string {
  const attempts = result.done + progress.failedAttempts;
  const first = progress.outcomes.filter((unit) => unit.outcome === 'done' && unit.scans === 1).length;
  const percent = (part: number, whole: number) =>
    whole === 0 ? '—' : `${((100 * part) / whole).toFixed(1)} %`;
  const stepTotal = progress.steps.reduce((sum, [, ms]) => sum + ms, 0);
  const certificates = join(line.authorityHome, 'certificates');
  const example = progress.outcomes.find((unit) => unit.outcome === 'done')?.deviceId ?? line.deviceIds[0]!;
  const home = line.authorityHome;
  const unfinished = progress.count('unfinished');
  return [
    '',
    styleText('bold', 'Units'),
    `  done          ${result.done} of ${result.devices}   (${manufactured} packed and manufactured)`,
    `  quarantined   ${result.quarantined}`,
    ...(unfinished > 0 ? [`  unfinished    ${unfinished}`] : []),
    ...progress.outcomes
      .filter((unit) => unit.reason !== null)
      .slice(0, 8)
      .map((unit) => `    ${unit.deviceId}  ${unit.outcome}  ${shortened(unit.reason!)}`),
    `  yield         ${percent(first, result.devices)} at the first scan, ${percent(result.done, result.devices)} in the end; ${attempts} attempts`,
    styleText('bold', 'Time'),
    `  whole order   ${result.seconds} s`,
    `  a unit        p50 ${result.unitSecondsP50} s, p95 ${result.unitSecondsP95} s, with every repeat`,
    ...progress.steps.map(([step, ms]) => `    ${step.padEnd(12)} ${percent(ms, stepTotal).padStart(7)}`),
    styleText('bold', 'Log'),
    `  entries       ${result.logSize}, root ${result.rootHash.slice(0, 16)}…, ${result.issued} certificates issued`,
    `  verified      ${verified ? styleText('green', 'yes: tree, checkpoint and registry agree') : styleText('red', 'NO')}`,
    styleText('bold', 'Next'),
    `  npx imprint device show ${example} --home ${home}`,
    `  npx imprint audit verify --home ${home}`,
    `  npx imprint audit prove ${example} --home ${home} --out receipt.json && \\`,
    `    npx imprint receipt verify receipt.json --log-key ${join(certificates, 'log.vkey')} --root ${join(certificates, certificateFiles.root)}`,
    '',
  ].join('\n');
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

/** A line of the summary stays a line: the whole reason stands in the device's record. */
function shortened(reason: string): string {
  const shown = reason.length <= reasonCharacters ? reason : `${reason.slice(0, reasonCharacters - 1)}…`;
  return plain(shown);
}
