/**
 * What people do with a line beside working on it, so that all that could speak has spoken: every export and view, input
 * that is wrong in the ways in which people are wrong, and faults that nobody catches.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { limits } from '@imprint/contract/limits';
import type { RecordedRun, RunPlace } from './recorded-run.ts';

const contract = fileURLToPath(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url));

/** Every command that shows or exports something; each must succeed. */
export async function exportEverything(run: RecordedRun, deviceId: string): Promise<void> {
  const authority = run.path('home', 'authority');
  const certificates = `${authority}/certificates`;
  const out = (name: string) => ['--out', run.path('exports', name)];
  const withHome = (...words: string[]) => [...words, '--home', authority];
  const commands = [
    withHome('audit', 'export', ...out('entries.jsonl')),
    withHome('audit', 'export', '--what', 'devices', ...out('devices.csv')),
    withHome('audit', 'verify', '--json'),
    withHome('audit', 'replay', '--json'),
    withHome('device', 'show', deviceId, '--json'),
    withHome('device', 'show', deviceId, '--as-built', '--json'),
    withHome('device', 'list', '--json'),
    withHome('order', 'list', '--json'),
    withHome('operator', 'list', '--json'),
    withHome('station', 'list', '--json'),
    ['contract', 'render', contract, ...out('contract.md')],
    [
      'contract',
      'header',
      contract,
      '--realm',
      'dev',
      '--root',
      `${certificates}/root.pem`,
      ...out('contract.h'),
    ],
  ];
  const receipt = run.path('exports', 'receipt.json');
  await inPairs([
    async () => {
      await succeeds(run, withHome('audit', 'prove', deviceId, ...out('receipt.json')));
      const trusted = ['--log-key', `${certificates}/log.vkey`, '--root', `${certificates}/root.pem`];
      await succeeds(run, ['receipt', 'verify', receipt, ...trusted, '--json']);
    },
    ...commands.map((command) => () => succeeds(run, command)),
  ]);
}

/** What anybody may ask the public listener for, and what it refuses. */
export async function askPublicListener(url: string): Promise<RunPlace[]> {
  const paths = [
    '/ca/root.pem',
    '/ca/issuing.pem',
    '/checkpoint',
    '/tile/0/000.p/16',
    '/tile/entries/000',
    '/nothing',
  ];
  return Promise.all(
    paths.map(async (path) => {
      const response = await fetch(url + path, { signal: AbortSignal.timeout(limits.requestTimeoutMs) });
      const head = [...response.headers].map((header) => header.join(': ')).join('\n');
      const bytes = Buffer.concat([Buffer.from(`${head}\n\n`), Buffer.from(await response.arrayBuffer())]);
      return { name: `GET ${path}`, kind: 'public answer', bytes };
    }),
  );
}

/** A secret in the wrong place, spoilt, or spent: every command must refuse it, and none may repeat it. */
export async function mistakeSecrets(run: RecordedRun, badge: string): Promise<void> {
  const home = (name: string) => run.path('home', name);
  const input = (name: string, text: string) => {
    writeFileSync(run.path('inputs', name), text, { mode: 0o600 });
    return run.path('inputs', name);
  };
  const passphrase = readFileSync(home('authority/dev-passphrase'), 'utf8').trim();
  const token = readFileSync(home('st-1.token'), 'utf8').trim();
  cpSync(home('st-1'), run.path('inputs', 'damaged'), { recursive: true });
  const keyFile = run.path('inputs', 'damaged', 'station-key.pem');
  writeFileSync(keyFile, readFileSync(keyFile, 'utf8').replace(/=*\n-----END/, '!!\n-----END'));
  const enrol = (file: string) => [
    'station',
    'enroll',
    '--token-file',
    file,
    '--home',
    run.path('inputs', 'new'),
  ];
  const lane = ['--lane', '1=tcp://127.0.0.1:9', '--json'];
  const refused: string[][] = [
    enrol(home('st-1.token')),
    enrol(input('cut.token', token.slice(0, -3))),
    enrol(input('bare.token', Buffer.from(token.split('.')[1]!, 'base64url').toString())),
    [
      'audit',
      'prove',
      'GW-1',
      '--home',
      home('authority'),
      '--passphrase-file',
      input('wrong', `${passphrase}x`),
    ],
    ['station', 'run', '--home', run.path('inputs', 'damaged'), ...lane],
    [
      'operator',
      'register',
      '--home',
      home('authority'),
      '--name',
      'Twin',
      '--badge-file',
      input('badge', badge),
    ],
  ];
  await inPairs([
    ...refused.map((command) => async () => {
      const { code, stdout } = await run.imprint(command);
      assert.equal(code, 1, `${command.join(' ')} was not refused: ${stdout}`);
    }),
    () => scanBadly(run, badge, lane),
  ]);
}

/** Readers with a stuck key, two scans in one line, a badge that nobody has. */
async function scanBadly(run: RecordedRun, badge: string, lane: string[]): Promise<void> {
  const scans = [
    badge.toLowerCase(),
    `LANE-1${badge}`,
    `CARRIER-${badge}`,
    `LANE-1 ${badge} ${badge}`,
    `${badge}!`,
    `PASS-${badge}`,
    `${badge} ${badge.toLowerCase()}`,
    `${badge}0`,
    `${badge} GW-M12600000`,
  ];
  const command = ['station', 'run', '--home', run.path('home', 'st-1'), ...lane];
  const { code, stdout } = await run.imprint(command, `${scans.join('\n')}\n`);
  assert.equal(code, 0, stdout);
  assert.equal(stdout.match(/"event":"refused"/g)?.length, scans.length, stdout);
}

async function succeeds(run: RecordedRun, command: string[]): Promise<void> {
  const { code, stderr } = await run.imprint(command);
  assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
}

/** Two at a time: each starts a process. */
async function inPairs(tasks: (() => Promise<unknown>)[]): Promise<void> {
  const waiting = tasks.values();
  const work = async () => {
    for (const task of waiting) await task();
  };
  await Promise.all([work(), work()]);
}
