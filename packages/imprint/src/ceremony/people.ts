/** The two people of a ceremony, named as options or asked for at the terminal. */
import { createInterface } from 'node:readline/promises';
import { samePerson } from '@imprint/authority/trust/transcript';
import { ImprintError } from '@imprint/contract/errors';

/** @throws usage where there are not two names, not_authorized where they are one person's */
export async function twoPeople(named: readonly string[]): Promise<[string, string]> {
  const names = named.length > 0 ? [...named] : await askForNames();
  const [first = '', second = '', ...more] = names.map((name) => name.normalize('NFC').trim());
  const isName = (name: string) => /^[^\p{C}]{1,64}$/u.test(name);
  if (more.length > 0 || !isName(first) || !isName(second)) {
    throw new ImprintError('usage', 'a ceremony has two people, each with a name of at most 64 characters', {
      hint: 'Give --person NAME twice, or run at a terminal and be asked.',
    });
  }
  if (samePerson(first, second)) {
    throw new ImprintError('not_authorized', `${first} cannot be both people of a ceremony`, {
      hint: 'Fetch a second person; nobody uses a root alone. Nothing was done.',
    });
  }
  return [first, second];
}

async function askForNames(): Promise<string[]> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) return [];
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    return [await terminal.question('First person: '), await terminal.question('Second person: ')];
  } finally {
    terminal.close();
  }
}
