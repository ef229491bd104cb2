/** `imprint ca`: the CAs of an authority, each bound to what it may certify. */
import { writeFileSync } from 'node:fs';
import { latestBundle } from '@imprint/authority/trust/bundles';
import { listsBelow } from '@imprint/authority/trust/ca-request';
import { type Ca, listCas, requireCa, retireCa, scopeOf } from '@imprint/authority/trust/cas';
import type { InstalledRootCrl } from '@imprint/authority/trust/root-crls';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { verifyTrustBundle } from '@imprint/contract/trust-bundle';
import { anyScope, type CaScope, scopePattern, scopeText, scopeYears } from '@imprint/contract/x509/ca-scope';
import { toPem } from '@imprint/contract/x509/pem';
import { type Command, Option } from 'commander';
import {
  type ActingAuthority,
  type ActingOptions,
  actOn,
  addApprovalOptions,
  addIdentityOptions,
} from '../act-as.ts';
import { authorityHome, isWaiting, readCertificate } from '../authority-home.ts';
import { installFirst, installFurther } from '../install-answers.ts';
import { askElsewhere, type CaOrder, makeDevCa } from '../make-ca.ts';
import { wholeNumber } from '../parse-option.ts';
import { readTokenReference } from '../read-token-reference.ts';
import { renewServer } from '../renew-server.ts';
import { facts, say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';
import { addCompromiseCommands } from './ca-compromise.ts';

type HomeOptions = ActingOptions;

interface CreateOptions extends HomeOptions {
  kind: 'device' | 'station';
  product?: string;
  site?: string;
  year?: string;
  id?: string;
  crlPartitions?: string;
  key?: string;
}

const keyHelp = 'the key is in a token: what imprint hsm generate-key has written';

/** Adds `ca list|create|rotate|install|bundle|retire|renew-server`, and what follows when a key was stolen. */
export function addCaCommands(program: Command): void {
  const ca = program.command('ca').description('the CAs under the realm’s roots, and what each may certify');

  withHome(ca.command('list'))
    .description('list the CAs: scope, state and certificate')
    .addHelpText('after', example('imprint ca list --home ./authority'))
    .action((options: HomeOptions) =>
      withAuthority(options, async ({ ledger }) => {
        const cas = await listCas(ledger.reader);
        say(options, { cas: cas.map(caView) }, table([heading, ...cas.map(row)]));
      }),
    );

  withKeys(ca.command('create'))
    .description('make a CA that may certify one product, one site, one year, or any of them')
    .addOption(
      new Option('--kind <kind>', 'whom it certifies').choices(['device', 'station']).default('device'),
    )
    .option('--product <product>', 'a contract’s product (device CAs only)')
    .option('--site <site>', 'a site, as stations are registered with it')
    .option('--year <year>', 'the year in which it signs, UTC; what it signs is valid for longer')
    .option('--id <name>', 'its name, such as device-2027-gateway (default: from its scope)')
    .option('--key <file>', keyHelp)
    .option(
      '--crl-partitions <n>',
      'over how many lists its revocations are spread: a power of two (default: one without a public URL)',
    )
    .addHelpText(
      'after',
      example('imprint ca create --home ./authority --product gateway --site berlin --year 2027'),
    )
    .action((options: CreateOptions) =>
      actOn(options, 'ca.manage', async (authority) => {
        const { kind, id } = options;
        const made = await make(
          authority,
          {
            kind,
            id,
            scope: readScope(options),
            crlPartitions:
              readPartitions(options.crlPartitions) ?? listsBelow(authority.configuration.public_url),
            inToken: options.key === undefined ? undefined : readTokenReference(options.key),
          },
          options,
        );
        if (made === undefined) return;
        say(options, caView(made), [
          `The CA ${made.ca_id} certifies ${kind}s from now on, where its scope is the narrowest: ${scopeText(scopeOf(made))}.`,
        ]);
      }),
    );

  withKeys(ca.command('rotate'))
    .description('make a CA with a new key in the place of another, or for another year beside it')
    .argument('<ca>', 'name of the CA that certifies now')
    .option('--year <year>', 'make it for this year; the old one goes on in its own')
    .option('--id <name>', 'name of the new CA (default: from its scope)')
    .option('--key <file>', keyHelp)
    .addHelpText(
      'after',
      example(
        'imprint ca rotate device-2026-gateway --home ./authority --year 2027\n  imprint ca rotate device-issuing --home ./authority',
      ),
    )
    .action((caId: string, options: HomeOptions & { year?: string; id?: string; key?: string }) =>
      actOn(options, 'ca.manage', async (authority) => {
        const old = await requireCa(authority.ledger.reader, caId);
        const scope = {
          ...scopeOf(old),
          ...(options.year === undefined ? {} : { year: readYear(options.year) }),
        };
        const { kind, crl_partitions: crlPartitions } = old;
        const inToken = options.key === undefined ? undefined : readTokenReference(options.key);
        const order = { kind, scope, crlPartitions, replaces: caId, id: options.id, inToken };
        const made = await make(authority, order, options);
        if (made === undefined) return;
        const now = await requireCa(authority.ledger.reader, caId);
        say(options, { ...caView(made), old: caView(now) }, [
          `The CA ${made.ca_id} certifies from now on: ${scopeText(scopeOf(made))}.`,
          now.status === 'retired'
            ? `${caId} is retired: it certifies nobody any more. What it certified stays valid.`
            : `${caId} goes on: ${scopeText(scopeOf(now))}.`,
        ]);
      }),
    );

  withKeys(ca.command('install'))
    .description('install what the roots have signed, from the stick of their ceremony')
    .requiredOption('--from <dir>', 'the stick')
    .option(
      '--head <hex>',
      'the head of the transcript, as both people wrote it down; needed for the first roots',
    )
    .addHelpText('after', example('imprint ca install --home ./authority --from /media/stick --head 9c1d…'))
    .action(install);

  withHome(ca.command('bundle'))
    .description(
      'show the newest bundle of trust anchors, which devices take by the word of their pinned root',
    )
    .option('--out <file>', 'write it to this file')
    .addHelpText('after', example('imprint ca bundle --home ./authority --out bundle.json'))
    .action(bundle);

  addIdentityOptions(withHome(ca.command('retire')))
    .description('let a CA certify nobody any more; what it certified stays valid')
    .argument('<ca>', 'name of the CA')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      example('imprint ca retire device-2026-gateway --home ./authority --reason "2026 is over"'),
    )
    .action((caId: string, options: HomeOptions & { reason: string }) =>
      actOn(options, 'ca.manage', async ({ ledger, person }) => {
        await retireCa(ledger, person, caId, options.reason);
        const retired = await requireCa(ledger.reader, caId);
        const rest = (await listCas(ledger.reader)).filter(
          ({ kind, status }) => kind === retired.kind && status === 'active',
        );
        say(options, { ...caView(retired), left: rest.map(({ ca_id }) => ca_id) }, [
          `${caId} is retired: it certifies nobody any more. What it certified stays valid.`,
          rest.length === 0
            ? `No ${retired.kind} CA is left: nothing is certified until there is one (imprint ca create).`
            : `Left: ${rest.map((one) => `${one.ca_id} (${scopeText(scopeOf(one))})`).join('; ')}.`,
        ]);
      }),
    );

  addIdentityOptions(withHome(ca.command('renew-server')))
    .description('give the authority’s own listeners a new certificate for a year')
    .addHelpText('after', example('imprint ca renew-server --home ./authority'))
    .action((options: HomeOptions) =>
      actOn(options, 'ca.manage', async (authority) => {
        const renewed = await renewServer(authority);
        say(options, renewed, [
          `The listeners have a certificate until ${renewed.notAfter}: ${renewed.sha256}`,
          'Start imprint serve anew: only then it is shown.',
        ]);
      }),
    );

  addCompromiseCommands(ca);
}

/** Makes the CA where the realm's root is on this machine; elsewhere says what is to be carried, and gives nothing. */
async function make(
  authority: ActingAuthority,
  order: CaOrder,
  options: HomeOptions,
): Promise<Ca | undefined> {
  if (authority.configuration.realm === 'dev') return makeDevCa(authority, order);
  const { request, file, fingerprint } = await askElsewhere(authority, order);
  say(options, { ...request, status: 'requested', request: file, fingerprint }, [
    `The CA ${request.ca_id} is asked for, and certifies once the root has signed: ${scopeText(request.scope)}.`,
    `Carry ${file} to the ceremony, and its fingerprint on paper:`,
    `  ${fingerprint}`,
    `Then: imprint ca install --home ${options.home} --from STICK`,
  ]);
  return undefined;
}

async function install(options: HomeOptions & { from: string; head?: string }): Promise<void> {
  const home = authorityHome(options.home);
  if (isWaiting(home)) {
    if (options.head === undefined) {
      throw new ImprintError('usage', 'the first roots are installed against the head of their transcript', {
        hint: 'Give --head HEX, as both people wrote it down at the ceremony: nothing else tells the right roots from others.',
      });
    }
    const installed = await installFirst(
      home,
      options.from,
      options.head,
      options.passphraseFile,
      options.pinFile,
    );
    say(options, { ready: true, installed }, [
      ...installed.map(({ ca_id, sha256 }) => `${ca_id} is installed: ${sha256}`),
      `The authority is complete. Next: imprint serve --home ${options.home}`,
    ]);
    return;
  }
  await actOn(options, 'ca.manage', async (authority) => {
    const { installed, crls, bundle: version } = await installFurther(authority, options.from, options.head);
    const asked = (await listCas(authority.ledger.reader)).filter(({ status }) => status === 'requested');
    const waiting = asked.map(({ ca_id }) => ca_id);
    say(options, { ready: true, installed: installed.map(caView), waiting, crls, bundle: version }, [
      ...(installed.length + waiting.length === 0 ? ['No CA waits for its certificate.'] : []),
      ...(waiting.length === 0 ? [] : [`The stick has no answer to ${waiting.join(', ')} yet.`]),
      ...crls.flatMap(crlLines),
      ...installed.map((one) => `The CA ${one.ca_id} certifies from now on: ${scopeText(scopeOf(one))}.`),
      ...(version === null ? [] : [`Devices are told of version ${version} of the trust anchors.`]),
    ]);
  });
}

function crlLines({ branch, number, nextUpdate, isNew, retired }: InstalledRootCrl): string[] {
  return [
    ...(isNew ? [`CRL ${number} of the ${branch} root is installed, and holds until ${nextUpdate}.`] : []),
    ...retired.map((ca) => `${ca} is revoked by its root: it is retired, and certifies nobody any more.`),
  ];
}

async function bundle(options: HomeOptions & { out?: string }): Promise<void> {
  await withAuthority(options, async ({ ledger, home, configuration }) => {
    const latest = await latestBundle(ledger.reader);
    if (latest === undefined) {
      throw new ImprintError('bundle_invalid', 'this authority has published no bundle yet', {
        hint: 'The root signs one with each CA for devices: imprint root sign, then imprint ca install.',
      });
    }
    const { realm } = configuration;
    const { anchors, intermediates } = verifyTrustBundle(latest.text, {
      root: readCertificate(home, 'root'),
      realm,
    });
    if (options.out !== undefined) writeFileSync(options.out, latest.text, { flush: true });
    const { version, sha256, published_at } = latest;
    const counts = { anchors: anchors.length, intermediates: intermediates.length };
    say(options, { realm, version, sha256, published_at, ...counts, text: latest.text }, [
      ...facts({
        ...{ realm, version, published: published_at, anchors: counts.anchors, CAs: counts.intermediates },
        'SHA-256': sha256,
        file: options.out,
      }),
      ...(options.out === undefined
        ? ['To write it to a file: --out FILE. The public listener has it at /ca/bundle.']
        : []),
    ]);
  });
}

const heading = ['CA', 'KIND', 'SCOPE', 'STATE', 'SINCE', 'LISTS', 'CERTIFICATE SHA-256'] as const;

function row(ca: Ca): (string | number | null)[] {
  const since = ca.compromised_at ?? ca.retired_at ?? ca.installed_at ?? ca.requested_at;
  const scope = scopeText(scopeOf(ca));
  return [ca.ca_id, ca.kind, scope, ca.status, since, ca.crl_partitions, ca.certificate_sha256];
}

/** A CA as `--json` shows it. */
export function caView({ certificate, ...ca }: Ca) {
  return { ...ca, certificate_pem: certificate === null ? null : toPem('CERTIFICATE', certificate) };
}

function readScope({ product, site, year }: Pick<CreateOptions, 'product' | 'site' | 'year'>): CaScope {
  const wrong = (option: string, text: string, example_: string) =>
    new ImprintError('usage', `${option} does not take ${text.slice(0, 80)}`, {
      hint: `Such as ${example_}.`,
    });
  if (product !== undefined && (!scopePattern.product.test(product) || product.length > 48)) {
    throw wrong('--product', product, 'gateway: a product as its contract names it');
  }
  if (site !== undefined && !scopePattern.site.test(site)) throw wrong('--site', site, 'berlin');
  return {
    ...anyScope,
    ...(product === undefined ? {} : { product }),
    ...(site === undefined ? {} : { site }),
    ...(year === undefined ? {} : { year: readYear(year) }),
  };
}

const readYear = (text: string) => wholeNumber('--year', text, scopeYears.least, scopeYears.most);

function readPartitions(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = wholeNumber('--crl-partitions', text, 1, limits.crlPartitions);
  if ((count & (count - 1)) === 0) return count;
  throw new ImprintError('usage', `--crl-partitions takes a power of two, not ${count}`, {
    hint: 'Such as 1, 64 or 256.',
  });
}

function withHome(command: Command): Command {
  return command
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--json', 'print one JSON object');
}

function withKeys(command: Command): Command {
  return addApprovalOptions(withHome(command));
}

function example(line: string): string {
  return `\nExample:\n  ${line}`;
}
