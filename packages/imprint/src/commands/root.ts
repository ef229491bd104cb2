/** `imprint root`: the ceremony of a realm's roots, on a machine without a network, by two people. */

import { promptHidden, readPassphrase } from '@imprint/authority/trust/passphrase';
import { type RootCrlReason, rootCrlReasons } from '@imprint/authority/trust/root-crl';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { scopeText } from '@imprint/contract/x509/ca-scope';
import { type Command, Option } from 'commander';
import type { CaSigners } from '../ca-signers.ts';
import { checkStick } from '../ceremony/check-stick.ts';
import { createRoot } from '../ceremony/create-root.ts';
import { issueBundle, lastBundle } from '../ceremony/issue-bundle.ts';
import { issueNextCrl } from '../ceremony/issue-root-crl.ts';
import { twoPeople } from '../ceremony/people.ts';
import { type Branch, openRootKeys, requireApart, rootIssuer } from '../ceremony/root-keys.ts';
import { joinShares, makeShares, readShareCounts } from '../ceremony/shares.ts';
import { requireSignable, type SignTerms, signRequest } from '../ceremony/sign-request.ts';
import { Stick } from '../ceremony/stick.ts';
import { systemClock, systemEntropy } from '../open-authority.ts';
import { collect, wholeNumber } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { readTokenReference } from '../read-token-reference.ts';
import { ExitCode } from '../run-program.ts';
import { facts, plain, say } from '../say.ts';

interface StickOptions {
  stick: string;
  json?: boolean;
}

interface KeyOptions extends StickOptions {
  keyFolder: string;
  person?: string[];
  passphraseFile?: string;
  share?: string[];
  pinFile?: string;
}

interface CreateOptions extends KeyOptions {
  realm: 'test' | 'prod';
  organization: string;
  shares?: string;
  shareFile?: string[];
  deviceRootKey?: string;
  stationRootKey?: string;
}

/** Adds `root create|sign|crl|check`. */
export function addRootCommands(program: Command): void {
  const root = program
    .command('root')
    .description('the ceremony of a realm’s roots, on a machine without a network');

  withKeys(root.command('create'))
    .description('make the roots of a realm: certificates on the stick, keys sealed in a folder apart')
    .addOption(
      new Option('--realm <realm>', 'realm of the roots').choices(['test', 'prod']).makeOptionMandatory(),
    )
    .requiredOption('--organization <name>', 'O in every CA subject')
    .option('--shares <k/n>', 'make the passphrase, and let k of n shares of it open the keys')
    .option('--share-file <file>', 'where a share goes, mode 0600; once for each share', collect)
    .option('--device-root-key <file>', 'a key in a token, as imprint hsm generate-key writes where it is')
    .option('--station-root-key <file>', 'the same for the root that stations pin')
    .addHelpText(
      'after',
      example(
        'imprint root create --realm prod --organization "Example Devices" --stick /media/stick --key-folder /root/keys --person "A. Abel" --person "B. Baker" --shares 2/3 --share-file /media/a/share --share-file /media/b/share --share-file /media/c/share',
      ),
    )
    .action(create);

  withKeys(root.command('sign'))
    .description('show a CA’s request, and sign it once its fingerprint was compared')
    .requiredOption('--request <file>', 'the request, from requests/ of the authority’s home')
    .option(
      '--fingerprint <hex>',
      'the fingerprint that the authority printed; absent: the request is only shown',
    )
    .addHelpText(
      'after',
      example(
        'imprint root sign --stick /media/stick --key-folder /root/keys --request /media/stick/requests/device-issuing.json --fingerprint 3fa4… --person "A. Abel" --person "B. Baker" --share /media/a/share --share /media/b/share',
      ),
    )
    .action(sign);

  withKeys(root.command('crl'))
    .description('issue the root’s next CRL, with the CAs that are revoked')
    .addOption(new Option('--branch <branch>', 'which root').choices(['device', 'station']).default('device'))
    .option('--revoke <ca>', 'name of a CA that the root signed; may be repeated', collect)
    .addOption(
      new Option('--reason <reason>', 'why those are revoked')
        .choices(Object.keys(rootCrlReasons))
        .default('ca-compromise'),
    )
    .option('--days <n>', 'until the next one is due', '365')
    .addHelpText(
      'after',
      example(
        'imprint root crl --stick /media/stick --key-folder /root/keys --person "A. Abel" --person "B. Baker" --revoke device-2026-gateway',
      ),
    )
    .action(crl);

  withStick(root.command('check'))
    .description('replay the transcript: every line, file, certificate and CRL; no key is needed')
    .option('--head <hex>', 'the hash that was written down after the last act')
    .addHelpText('after', example('imprint root check --stick /media/stick --head 9c1d…'))
    .action(check);
}

async function create(options: CreateOptions): Promise<void> {
  const stick = Stick.open(options.stick);
  const { realm, organization, keyFolder } = options;
  const counts = options.shares === undefined ? undefined : readShareCounts(options.shares);
  for (const file of options.shareFile ?? []) requireApart(options.stick, file, 'a share');
  const wasBegun = stick.first !== undefined;
  const tokens = {
    ...(options.deviceRootKey === undefined ? {} : { device: readTokenReference(options.deviceRootKey) }),
    ...(options.stationRootKey === undefined ? {} : { station: readTokenReference(options.stationRootKey) }),
  };
  await createRoot(stick, {
    ...{ realm, organization, keyFolder, now: systemClock, tokens, pinFile: options.pinFile },
    people: await twoPeople(options.person ?? []),
    passphrase: async (isNew) => {
      if (counts === undefined || options.share !== undefined || !isNew) return passphraseOf(options, isNew);
      return makeShares(counts, options.shareFile ?? [], systemEntropy);
    },
  });
  const { roots, head } = checkStick(stick);
  const found = { device_root: roots.device.sha256, station_root: roots.station.sha256 };
  say(options, { realm, organization, ...found, resumed: wasBegun, head }, [
    `The roots of the realm ${realm} are made${wasBegun ? ' (begun earlier, now finished)' : ''}.`,
    ...facts({ 'device root': found.device_root, 'station root': found.station_root }),
    ...(counts === undefined
      ? [`The keys stand in ${keyFolder}, sealed under your passphrase, which nobody can recover.`]
      : [
          `The keys stand in ${keyFolder}; ${counts.needed} of these ${counts.all} shares open them, each for one person:`,
          ...options.shareFile!.map((file) => `  ${file}`),
        ]),
    ...toWriteDown(head),
  ]);
}

async function sign(options: KeyOptions & { request: string; fingerprint?: string }): Promise<void> {
  const stick = Stick.ofRoot(options.stick);
  checkStick(stick);
  const text = readBoundedFile(options.request, limits.caRequestBytes);
  const request = requireSignable(stick, text, systemClock());
  const shown = facts({
    CA: request.ca_id,
    certifies: `${request.kind}s`,
    scope: scopeText(request.scope),
    realm: request.realm,
    organization: request.organization,
    subject: request.subject,
    replaces: request.replaces,
    'revocation told below': request.public_url ?? 'nowhere',
    'of the log': request.log_id,
    'asked at': request.made_at,
    'key SHA-256': request.public_key_sha256,
    fingerprint: request.fingerprint,
  });
  const view = { ca_id: request.ca_id, scope: request.scope, fingerprint: request.fingerprint };
  if (options.fingerprint === undefined) {
    say(options, { ...view, signed: false }, [
      ...shown,
      'Nothing was signed. Compare the fingerprint with the one that the authority printed, and give it with --fingerprint.',
    ]);
    throw new ExitCode(1);
  }
  if (options.fingerprint.toLowerCase().replaceAll(/[\s:]/g, '') !== request.fingerprint) {
    throw new ImprintError('not_authorized', `the request has the fingerprint ${request.fingerprint}`, {
      hint: 'It is not the one that the authority printed: somebody may have put another request on the stick. Nothing was signed.',
    });
  }
  const people = await twoPeople(options.person ?? []);
  const isNew = await withRoot(stick, options, people, (terms) => signRequest(stick, text, terms));
  const { head, signed } = checkStick(stick);
  const { certificate } = signed.find((one) => one.request.ca_id === request.ca_id)!;
  const file = `issued/${request.ca_id}.pem`;
  say(options, { ...view, signed: true, is_new: isNew, certificate_sha256: certificate.sha256, file, head }, [
    ...shown,
    isNew ? `Signed: ${file}` : `It was signed before; ${file} stands as it was.`,
    `At the authority: imprint ca install --home DIR --from STICK --head ${head}`,
    ...toWriteDown(head),
  ]);
}

async function crl(
  options: KeyOptions & { branch: Branch; revoke?: string[]; reason: RootCrlReason; days: string },
): Promise<void> {
  const stick = Stick.ofRoot(options.stick);
  checkStick(stick);
  const days = wholeNumber('--days', options.days, 1, 3650);
  const people = await twoPeople(options.person ?? []);
  const { branch, reason, revoke = [] } = options;
  const { file, crl: issued } = await withRoot(stick, options, people, async (terms) => {
    const next = await issueNextCrl(stick, { branch, revoke, reason, days }, terms);
    // a CA that is revoked leaves what devices are told to trust
    if (branch === 'device' && lastBundle(stick) !== undefined) await issueBundle(stick, terms);
    return next;
  });
  const { head } = checkStick(stick);
  say(options, { file, ...issued, head }, [
    `The ${branch} root’s CRL number ${issued.number} is ${file}: ${issued.revoked.length} revoked, the next due by ${issued.nextUpdate}.`,
    ...toWriteDown(head),
  ]);
}

function check(options: StickOptions & { head?: string }): void {
  const stick = Stick.ofRoot(options.stick);
  const { roots, signed, head } = checkStick(stick, options.head);
  const { lines } = stick.transcript;
  const { realm, organization } = stick.first!;
  const acts = lines.map(({ seq, at, act, subject, number, people }) => ({
    seq,
    at,
    act,
    subject,
    number,
    people,
  }));
  say(
    options,
    {
      ...{ ok: true, realm, organization, head, acts },
      ...{ device_root: roots.device.sha256, station_root: roots.station.sha256 },
      signed: signed.map(({ request, certificate }) => ({
        ca_id: request.ca_id,
        sha256: certificate.sha256,
      })),
    },
    [
      ...acts.map(
        ({ seq, at, act, subject, number, people }) =>
          `${seq}  ${at}  ${[act, subject, number].filter((part) => part !== null && part !== '').join(' ')}  by ${plain(people.join(' and '))}`,
      ),
      ...facts({
        realm: `${realm} of ${organization}`,
        'device root': roots.device.sha256,
        'station root': roots.station.sha256,
        head,
      }),
      options.head === undefined
        ? 'The transcript holds in itself. Compare the head with the one on paper: only that tells whether it is the whole one.'
        : 'The transcript holds, and ends as was written down.',
    ],
  );
}

/** Does what is done with the root's keys, which are opened when the first of them has to sign. */
async function withRoot<T>(
  stick: Stick,
  options: KeyOptions,
  people: [string, string],
  work: (terms: SignTerms) => Promise<T>,
): Promise<T> {
  let signers: Promise<CaSigners> | undefined;
  const open = async () =>
    openRootKeys(stick, options.keyFolder, await passphraseOf(options), options.pinFile);
  try {
    return await work({
      people,
      now: systemClock,
      openRoot: async (branch) => {
        signers ??= open();
        return rootIssuer(stick, await signers, branch);
      },
    });
  } finally {
    await (await signers?.catch(() => undefined))?.close();
  }
}

/** @param isNew whether the folder is made with it: then whoever types it types it twice */
function passphraseOf({ share, passphraseFile }: KeyOptions, isNew = false): Promise<Uint8Array> {
  if (share !== undefined) return joinShares(share);
  const { stdin, stderr } = process;
  const ask = async (question: string) => {
    const typed = await promptHidden(stdin, stderr, question);
    if (!isNew || equalBytes(typed, await promptHidden(stdin, stderr, 'The same once more: '))) return typed;
    throw new ImprintError('passphrase_wrong', 'The two passphrases differ.', {
      hint: 'Nothing was made. Run the command again.',
    });
  };
  return readPassphrase({ file: passphraseFile, prompt: stdin.isTTY && stderr.isTTY ? ask : undefined });
}

function toWriteDown(head: string): string[] {
  return ['Both write down, on paper, the head of the transcript:', `  ${head.match(/.{8}/g)!.join(' ')}`];
}

function withStick(command: Command): Command {
  return command
    .requiredOption('--stick <dir>', 'the folder that is carried: transcript, requests, certificates')
    .option('--json', 'print one JSON object');
}

function withKeys(command: Command): Command {
  return withStick(command)
    .requiredOption('--key-folder <dir>', 'where the root’s keys stand, never on the stick')
    .option('--person <name>', 'a person who is there; twice (absent: asked for)', collect)
    .option('--passphrase-file <file>', 'passphrase of the keys, mode 0600 (absent: asked for)')
    .option('--share <file>', 'a share of the passphrase; once for each person who brings one', collect)
    .option('--pin-file <file>', 'PIN of the token that holds a key, mode 0600');
}

function example(line: string): string {
  return `\nExample:\n  ${line}`;
}
