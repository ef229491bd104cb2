/** Homes for tests of backup and restore, and what is done to them as people would. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthorityConfiguration } from '../authority-home.ts';
import { initAuthority } from '../init-authority.ts';
import { type OpenAuthority, type OpenOptions, openAuthority } from '../open-authority.ts';
import { backupFiles, factsOf, readManifest } from './backup-folder.ts';

export const configuration: AuthorityConfiguration = {
  ...{ version: 1, realm: 'dev', organization: 'Example Devices', log_origin: 'imprint.local/test' },
  hosts: [],
  listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
  minimum_station_version: '0.1.0',
};

/** A folder that ends with the tests of a file. */
export function place(after: (end: () => void) => void): (...names: string[]) => string {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-care-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return (...names) => join(folder, ...names);
}

export async function makeHome(folder: string, more: Partial<AuthorityConfiguration> = {}): Promise<string> {
  await initAuthority(folder, { ...configuration, ...more });
  return folder;
}

/** Opens a home for one piece of work. */
export async function at<T>(
  home: string,
  work: (authority: OpenAuthority) => Promise<T>,
  options: OpenOptions = {},
): Promise<T> {
  const authority = await openAuthority(home, options);
  try {
    return await work(authority);
  } finally {
    await authority.close();
  }
}

/** Entries of the log. */
export const sizeOf = (home: string) => at(home, async ({ ledger }) => (await ledger.head()).size);

let operators = 0;

/** Lets the log grow by so many entries, each in a tick of its own. */
export async function grow({ ledger, person }: OpenAuthority, entries: number): Promise<void> {
  for (let at = 0; at < entries; at++) {
    const operator_id = `op-${operators++}`;
    await ledger.submit(async () => ({
      entries: [{ type: 'operator.registered', actor: person, data: { operator_id } }],
      reply: () => undefined,
    }));
  }
}

/** What somebody does who changes files of a backup and mends its manifest. */
export async function mend(folder: string, ...paths: string[]): Promise<string> {
  const { text: _, ...manifest } = readManifest(folder);
  for (const path of paths) {
    manifest.files[manifest.files.findIndex((file) => file.path === path)] = await factsOf(folder, path);
  }
  writeFileSync(join(folder, backupFiles.manifest), JSON.stringify(manifest));
  return folder;
}

/** Signs the manifest as it is now, which takes the log's key. */
export async function signAnew(home: string, folder: string): Promise<string> {
  const { text } = readManifest(folder);
  const signature = await at(home, async ({ unlock }) => (await unlock()).checkpoints.signBackup(text));
  writeFileSync(join(folder, backupFiles.signature), signature);
  return folder;
}

/** The checkpoint of now, as a station or a witness keeps it. */
export async function signed(authority: OpenAuthority): Promise<string> {
  return (await (await authority.unlock()).checkpoints.latest()).text;
}
