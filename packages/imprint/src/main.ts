/** The command line's entrance: reads the arguments, runs one command, and turns its end into an exit code. */
import { computeByOpenssl } from './compute-by-openssl.ts';
import { buildProgram } from './program.ts';
import { runProgram } from './run-program.ts';

computeByOpenssl();
// who reads as many lines as wanted and closes, as `head` does, has lost nothing
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});
process.exitCode = await runProgram(await buildProgram(process.argv.slice(2)), process.argv);
