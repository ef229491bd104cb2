import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { buildProgram } from './program.ts';

const namesOf = (command: Command): string[] => command.commands.map((child) => child.name());

test('each command that the whole program has is there when it alone is asked for, as it is in the whole', async () => {
  const whole = await buildProgram();
  for (const command of whole.commands) {
    const children: (string | undefined)[] = namesOf(command);
    if (children.length === 0) children.push(undefined);
    for (const child of children) {
      const words = [command.name(), ...(child === undefined ? [] : [child])];
      const alone = await buildProgram(words);
      assert.deepEqual(namesOf(alone), [command.name()], words.join(' '));
      const find = (program: Command) => {
        const found = program.commands.find((one) => one.name() === command.name());
        return child === undefined ? found : found?.commands.find((one) => one.name() === child);
      };
      assert.equal(find(alone)?.helpInformation(), find(whole)?.helpInformation(), words.join(' '));
    }
  }
});

test('where the words name no command, all are there to choose from', async () => {
  const all = namesOf(await buildProgram());
  assert.equal(all.length, 29);
  for (const words of [['--help'], ['help', 'serve'], ['srve'], ['--version']]) {
    assert.deepEqual(namesOf(await buildProgram(words)), all);
  }
  const station = (await buildProgram(['station', '--help'])).commands.find(
    (one) => one.name() === 'station',
  )!;
  assert.equal(namesOf(station).length, 8);
});
