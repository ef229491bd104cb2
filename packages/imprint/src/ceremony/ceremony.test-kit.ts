/** For tests: a stick, a key folder and two people in a scratch folder, and a home that waits. Keys are sealed at the least cost. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scryptLogN } from '@imprint/authority/trust/sealed-key-folder';
import { toUtf8 } from '@imprint/contract/bytes';
import type { Realm } from '@imprint/contract/x509/realm';
import { type AuthorityConfiguration, authorityHome } from '../authority-home.ts';
import { installFirst } from '../install-answers.ts';
import { prepareAuthority } from '../prepare-authority.ts';
import { createRoot } from './create-root.ts';
import { noteTranscript } from './known-transcript.ts';
import { openRoot } from './root-keys.ts';
import { type SignTerms, signRequest } from './sign-request.ts';
import { Stick } from './stick.ts';

export const people: [string, string] = ['A. Abel', 'B. Baker'];
export const organization = 'Example Devices';
export const passphrase = toUtf8('correct horse battery staple');

export function scratch(): { at: (...names: string[]) => string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-ceremony-'));
  return {
    at: (...names) => join(folder, ...names),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
export type Scratch = ReturnType<typeof scratch>;

export function configurationOf(realm: Realm, of = organization): AuthorityConfiguration {
  return {
    version: 1,
    realm,
    organization: of,
    log_origin: `example.com/${realm}`,
    hosts: [],
    listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
    minimum_station_version: '0.1.0',
  };
}

/** Creates the roots of a realm on a stick of this name, their keys beside it. */
export async function newRoot(
  { at }: Scratch,
  name: string,
  realm: Realm,
  of = organization,
): Promise<Stick> {
  const stick = Stick.open(at(name));
  const now = () => new Date();
  const { least: logN } = scryptLogN;
  const terms = { realm, organization: of, people, keyFolder: at(`${name}-keys`), now, logN };
  await createRoot(stick, { ...terms, passphrase: async () => passphrase });
  return stick;
}

export function termsOf({ at }: Scratch, stick: Stick, name: string): SignTerms {
  return {
    people,
    now: () => new Date(),
    openRoot: (branch) => openRoot(stick, at(`${name}-keys`), passphrase, branch),
  };
}

/** A home of the realm that waits, and where its requests are. */
export async function waitingHome(scratched: Scratch, name: string, realm: Realm, of = organization) {
  const { at } = scratched;
  writeFileSync(at('pass'), 'a passphrase\n', { mode: 0o600 });
  await prepareAuthority(at(name), configurationOf(realm, of), at('pass'), undefined, scryptLogN.least);
  const home = authorityHome(at(name));
  const text = (caId: string) => readFileSync(join(home.requests, `${caId}.json`), 'utf8');
  return { home, text };
}

/** A whole authority of the realm, by its ceremony. */
export async function ceremony(scratched: Scratch, realm: Realm, name: string = realm) {
  const stick = await newRoot(scratched, `${name}-stick`, realm);
  const { home, text } = await waitingHome(scratched, name, realm);
  const terms = termsOf(scratched, stick, `${name}-stick`);
  for (const caId of ['device-issuing', 'station-issuing']) await signRequest(stick, text(caId), terms);
  await installFirst(home, stick.folder, stick.transcript.head, scratched.at('pass'));
  return { stick, home, terms };
}

/** What a stop leaves: the keys know of no line that did not come onto the stick. */
export function stoppedAt(folder: string, keyFolder: string): void {
  noteTranscript(keyFolder, Stick.open(folder).transcript);
}

/** All files below a folder with what they hold, to see that nothing was changed. */
export function contentOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files.map(({ parentPath, name }) => [
      join(parentPath, name),
      readFileSync(join(parentPath, name)).toString('base64'),
    ]),
  );
}

/** A copy of a stick, to be spoilt. */
export function copyOf({ at }: Scratch, stick: Stick, name: string): string {
  rmSync(at(name), { recursive: true, force: true });
  cpSync(stick.folder, at(name), { recursive: true });
  return at(name);
}
