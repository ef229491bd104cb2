/** The command line's entrance: reads the arguments, runs one command, and turns its end into an exit code. */
import { buildProgram } from './program.ts';
import { runProgram } from './run-program.ts';

process.exitCode = await runProgram(buildProgram(), process.argv);
