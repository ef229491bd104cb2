/** A slice of the sweeps over the commands that make something: `init`, `order create`, `station invite`, `device scrap --csv`, `station enroll`,
 * `backup`, `restore`. */
import { commandCases } from './command-cases.ts';
import { underFaults } from './commands-under-faults.test-kit.ts';

underFaults('commands', commandCases);
