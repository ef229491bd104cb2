/**
 * The commands of a realm's trust that are struck: a CA, its successor, a second person's word, a root, its signature on a request, and the way
 * back to the authority.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createAccount } from '@imprint/authority/access/accounts';
import { requestApproval } from '@imprint/authority/access/approvals';
import { changePolicy } from '@imprint/authority/access/change-policy';
import { hashPassword } from '@imprint/authority/access/password';
import { fingerprintOf } from '@imprint/authority/trust/ca-request-file';
import { scryptLogN } from '@imprint/authority/trust/sealed-key-folder';
import { toUtf8 } from '@imprint/contract/bytes';
import { checkStick } from 'imprint/ceremony/check-stick';
import { createRoot } from 'imprint/ceremony/create-root';
import { noteTranscript } from 'imprint/ceremony/known-transcript';
import { openRoot } from 'imprint/ceremony/root-keys';
import { signRequest } from 'imprint/ceremony/sign-request';
import { Stick } from 'imprint/ceremony/stick';
import { openAuthority } from 'imprint/open-authority';
import { prepareAuthority } from 'imprint/prepare-authority';
import { type CommandCase, checkAuthority } from './command-cases.ts';
import { startFromCompiledCode } from './compiled-code.ts';
import { compromiseCase } from './compromise-case.ts';
import { makeQuickAuthority } from './quick-authority.ts';

const people: [string, string] = ['A. Abel', 'B. Baker'];
const organization = 'Example Devices';
const passphrase = 'of both';
const both = ['--person', people[0], '--person', people[1]];
const never = /(?!)/;

/** The cases with their templates; `place` does not exist yet. */
export async function trustCases(place: string): Promise<CommandCase[]> {
  startFromCompiledCode();
  mkdirSync(place);
  const dev = join(place, 'dev');
  await makeQuickAuthority(dev, 'imprint.local/trust');
  const test = join(place, 'test');
  const head = await makeCeremony(test);
  const stolen = await compromiseCase(dev, join(place, 'stolen'));
  const asked = join(place, 'asked');
  const approvalId = await makeRequest(dev, asked);
  return [
    createCa(dev),
    rotateCa(dev),
    stolen,
    grant(asked, approvalId),
    rootCreate(),
    rootSign(test),
    install(test, head),
  ];
}

/** A home that waits, a stick with nothing but its roots, and one with all that it waits for; keys are sealed at the least cost, since a sweep opens them often. */
async function makeCeremony(folder: string): Promise<string> {
  mkdirSync(folder);
  writeFileSync(join(folder, 'pass'), `${passphrase}\n`, { mode: 0o600 });
  await prepareAuthority(
    join(folder, 'home'),
    {
      ...{ version: 1, realm: 'test', organization, log_origin: 'imprint.local/test', hosts: [] },
      listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
      minimum_station_version: '0.1.0',
    },
    join(folder, 'pass'),
    undefined,
    scryptLogN.least,
  );
  const stick = Stick.open(join(folder, 'roots'));
  const keyFolder = join(folder, 'keys');
  const now = () => new Date();
  const secret = async () => toUtf8(passphrase);
  const terms = { realm: 'test' as const, organization, people, keyFolder, now };
  await createRoot(stick, { ...terms, passphrase: secret, logN: scryptLogN.least });
  cpSync(stick.folder, join(folder, 'signed'), { recursive: true });
  const signed = Stick.ofRoot(join(folder, 'signed'));
  // keys remember how far they were used, and those of the case are to be as new as its stick
  const usedKeys = join(folder, 'used-keys');
  cpSync(keyFolder, usedKeys, { recursive: true });
  for (const caId of ['device-issuing', 'station-issuing']) {
    await signRequest(signed, requestOf(folder, caId), {
      ...{ people, now },
      openRoot: (branch) => openRoot(signed, usedKeys, toUtf8(passphrase), branch),
    });
  }
  return signed.transcript.head;
}

const requestOf = (folder: string, caId: string) =>
  readFileSync(join(folder, 'home', 'requests', `${caId}.json`), 'utf8');

function createCa(template: string): CommandCase {
  const home = (disk: string) => join(disk, 'authority');
  return {
    part: 'ca-create',
    prepare: async (disk) => cpSync(template, home(disk), { recursive: true }),
    arguments: (disk) => ['ca', 'create', '--home', home(disk), '--site', 'lyon'],
    isMade: (disk) => hasActiveCa(join(home(disk), 'data', 'imprint.db'), 'device-lyon'),
    isThereAlready: /ca_conflict/,
    check: (disk) =>
      checkAuthority(home(disk), async ({ ledger }) => {
        const rows = await ledger.reader
          .selectFrom('ca')
          .select('status')
          .where('kind', '=', 'device')
          .execute();
        if (rows.map(({ status }) => status).join() !== 'active,active')
          throw new Error(JSON.stringify(rows));
        const bundles = await ledger.reader.selectFrom('trust_bundle').select('version').execute();
        if (bundles.length !== 2) throw new Error(`${bundles.length} bundles are out`);
      }),
  };
}

function rotateCa(template: string): CommandCase {
  const home = (disk: string) => join(disk, 'authority');
  return {
    part: 'ca-rotate',
    prepare: async (disk) => cpSync(template, home(disk), { recursive: true }),
    arguments: (disk) => ['ca', 'rotate', 'device-issuing', '--home', home(disk)],
    isMade: (disk) => hasActiveCa(join(home(disk), 'data', 'imprint.db'), 'device-issuing-2'),
    isThereAlready: /ca_not_active/,
    check: (disk) =>
      checkAuthority(home(disk), async ({ ledger }) => {
        const rows = await ledger.reader
          .selectFrom('ca')
          .select(['ca_id', 'status'])
          .where('kind', '=', 'device')
          .orderBy('ca_id')
          .execute();
        const states = rows.map(({ ca_id, status }) => `${ca_id} ${status}`).join();
        if (states !== 'device-issuing retired,device-issuing-2 active') throw new Error(states);
        const bundles = await ledger.reader.selectFrom('trust_bundle').select('version').execute();
        if (bundles.length !== 2) throw new Error(`${bundles.length} bundles are out`);
      }),
  };
}

const password = 'correct horse battery staple';

/** A copy of the template in which acts take two people, and one of them waits for the other; gives the request. */
async function makeRequest(template: string, folder: string): Promise<string> {
  const home = join(folder, 'authority');
  cpSync(template, home, { recursive: true });
  writeFileSync(join(folder, 'password'), `${password}\n`, { mode: 0o600 });
  const authority = await openAuthority(home);
  try {
    const { ledger, access, person } = authority;
    const machine = { means: 'home', actor: person } as const;
    const hashed = await hashPassword(toUtf8(password), access.entropy);
    for (const accountId of ['ada', 'ben']) {
      const roles = ['administrator'] as const;
      const login = { name: accountId, password: hashed };
      await createAccount(ledger, machine, { accountId, roles, login, reason: 'the first two' });
    }
    const policy = { approvals: 'required', order_limit: null, site_limits: {} } as const;
    await changePolicy(ledger, machine, policy, 'we are two');
    const ada = { means: 'password', actor: { kind: 'person', id: 'ada' } } as const;
    const parameters = { ...policy, order_limit: 100 };
    const request = { act: 'policy.change', parameters, reason: 'as planned' } as const;
    return (await requestApproval(ledger, access.entropy, ada, request)).approval_id;
  } finally {
    await authority.close();
  }
}

function grant(template: string, approvalId: string): CommandCase {
  const home = (disk: string) => join(disk, 'authority');
  return {
    part: 'approve-grant',
    prepare: async (disk) => cpSync(template, disk, { recursive: true }),
    arguments: (disk) => [
      ...['approve', 'grant', approvalId, '--home', home(disk), '--reason', 'yes'],
      ...['--as', 'ben', '--password-file', join(disk, 'password')],
    ],
    isMade: (disk) => isGranted(join(home(disk), 'data', 'imprint.db'), approvalId),
    isThereAlready: never,
    check: (disk) =>
      checkAuthority(home(disk), async ({ ledger }) => {
        const rows = await ledger.reader.selectFrom('approval').select(['state', 'decided_by']).execute();
        const [row] = rows;
        if (rows.length === 1 && row?.state === 'granted' && row.decided_by === 'ben') return;
        throw new Error(JSON.stringify(rows));
      }),
  };
}

function rootCreate(): CommandCase {
  const keys = (disk: string) => join(disk, 'keys');
  const stick = (disk: string) => join(disk, 'stick');
  return {
    part: 'root-create',
    prepare: async (disk) => {
      mkdirSync(disk);
      writeFileSync(join(disk, 'pass'), `${passphrase}\n`, { mode: 0o600 });
    },
    arguments: (disk) => [
      ...['root', 'create', '--realm', 'test', '--organization', organization, '--stick', stick(disk)],
      ...['--key-folder', keys(disk), '--passphrase-file', join(disk, 'pass'), ...both],
    ],
    isMade: (disk) => Stick.open(stick(disk)).isCreated,
    isThereAlready: /home_exists/,
    check: async (disk) => {
      const made = Stick.ofRoot(stick(disk));
      checkStick(made);
      if (made.transcript.lines.length !== 2) throw new Error(`${made.transcript.lines.length} lines`);
      for (const branch of ['device', 'station'] as const) {
        await openRoot(made, keys(disk), toUtf8(passphrase), branch);
      }
    },
  };
}

function rootSign(template: string): CommandCase {
  const stick = (disk: string) => join(disk, 'stick');
  const request = requestOf(template, 'device-issuing');
  return {
    part: 'root-sign',
    prepare: async (disk) => {
      mkdirSync(disk);
      cpSync(join(template, 'roots'), stick(disk), { recursive: true });
      cpSync(join(template, 'keys'), join(disk, 'keys'), { recursive: true });
      // the template's keys have signed since
      noteTranscript(join(disk, 'keys'), Stick.open(stick(disk)).transcript);
      cpSync(join(template, 'pass'), join(disk, 'pass'));
      writeFileSync(join(disk, 'request.json'), request);
    },
    arguments: (disk) => [
      ...['root', 'sign', '--stick', stick(disk), '--key-folder', join(disk, 'keys'), ...both],
      ...['--passphrase-file', join(disk, 'pass'), '--request', join(disk, 'request.json')],
      ...['--fingerprint', fingerprintOf(request)],
    ],
    isMade: (disk) => Stick.open(stick(disk)).transcript.lines.some(({ act }) => act === 'bundle.issued'),
    isThereAlready: never,
    check: async (disk) => {
      const made = Stick.ofRoot(stick(disk));
      const { signed, bundle } = checkStick(made);
      const acts = made.transcript.lines.map(({ act }) => act).join();
      if (acts !== 'root.begun,root.created,ca.signed,bundle.issued') throw new Error(acts);
      if (signed.length !== 1 || bundle === undefined) throw new Error('not all of it is there');
    },
  };
}

function install(template: string, head: string): CommandCase {
  const home = (disk: string) => join(disk, 'home');
  return {
    part: 'ca-install',
    prepare: async (disk) => {
      mkdirSync(disk);
      for (const name of ['home', 'pass', 'signed']) {
        cpSync(join(template, name), join(disk, name), { recursive: true });
      }
    },
    arguments: (disk) => [
      ...['ca', 'install', '--home', home(disk), '--from', join(disk, 'signed'), '--head', head],
      ...['--passphrase-file', join(disk, 'pass')],
    ],
    isMade: (disk) => existsSync(join(home(disk), 'imprint.json')),
    isThereAlready: never,
    check: (disk) =>
      checkAuthority(
        home(disk),
        async ({ ledger }) => {
          const { size } = await ledger.head();
          if (size !== 6) throw new Error(`the log has ${size} entries`);
        },
        join(disk, 'pass'),
      ),
  };
}

function hasActiveCa(file: string, caId: string): boolean {
  return hasRow(file, "SELECT 1 FROM ca WHERE ca_id = ? AND status = 'active'", caId);
}

function isGranted(file: string, approvalId: string): boolean {
  return hasRow(file, "SELECT 1 FROM approval WHERE approval_id = ? AND state = 'granted'", approvalId);
}

/** Read past the program, so that its own reading is not what is trusted. */
function hasRow(file: string, sql: string, id: string): boolean {
  const database = new DatabaseSync(file);
  try {
    return database.prepare(sql).get(id) !== undefined;
  } finally {
    database.close();
  }
}
