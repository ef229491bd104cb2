/** The command line's entrance: reads the arguments, runs one command, and turns its end into an exit code. */
import { computeByOpenssl } from './compute-by-openssl.ts';
import { buildProgram } from './program.ts';
import { runProgram } from './run-program.ts';

computeByOpenssl();
process.exitCode = await runProgram(await buildProgram(process.argv.slice(2)), process.argv);
