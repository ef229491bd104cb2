/** `npm run lab`: the parts of the lab that have a command; a simulation where none is named. */
import { Command } from 'commander';
import { runProgram } from 'imprint/run-program';
import { fuzzCommand } from './fuzz/command.ts';
import { processesCommand } from './processes/command.ts';
import { simulateCommand } from './simulation/command.ts';

const program = new Command('npm run lab --')
  .description('whole simulated factories, real processes under faults, fuzzing')
  .addCommand(simulateCommand(), { isDefault: true })
  .addCommand(processesCommand())
  .addCommand(fuzzCommand());

process.exitCode = await runProgram(program, process.argv);
