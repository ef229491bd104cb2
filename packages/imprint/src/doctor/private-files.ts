/** Files and folders that are for their owner alone: whose they are, and whether others can open them. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, fail, ok } from './check.ts';

export interface Person {
  uid: number;
}

/** Each path and, of a folder, what lies directly in it. What is not there is not looked at. */
export function privateFiles(paths: readonly string[], { uid }: Person): Finding[] {
  return paths.flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    const below = stat.isDirectory() ? readable(path) : [];
    return [path, ...below.map((name) => join(path, name))].map((one) => privateFile(one, uid));
  });
}

/** A folder that is not ours to read is told by its owner. */
function readable(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function privateFile(path: string, uid: number): Finding {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) {
    return fail(
      `${path} is a link`,
      'Put the file itself there: who may change the link decides what is read.',
    );
  }
  const mode = (stat.mode & 0o777).toString(8).padStart(3, '0');
  if ((stat.mode & 0o077) !== 0) {
    return fail(
      `${path} may be opened by others (mode ${mode})`,
      `Close it: chmod go= ${path}. Find out who could read it meanwhile.`,
    );
  }
  if (stat.uid !== uid) {
    return fail(
      `${path} belongs to user ${stat.uid}, and this is user ${uid}`,
      'Run every command as the one user to whom the folder belongs, and give it all of its files (chown -R).',
    );
  }
  return ok(`${path} is closed (mode ${mode})`);
}
