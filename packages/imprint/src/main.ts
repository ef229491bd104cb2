/** The command line's entrance: reads the arguments, runs one command, and turns its end into an exit code. */
import { computeSignaturesBy } from '@imprint/contract/x509/signature';
import { opensslSignatures } from './openssl-signatures.ts';
import { buildProgram } from './program.ts';
import { runProgram } from './run-program.ts';

computeSignaturesBy(opensslSignatures);
process.exitCode = await runProgram(buildProgram(), process.argv);
