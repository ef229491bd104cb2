/** A witness that kills itself with SIGKILL at one step of its work: `node killed.test-kit.ts FOLDER LOG-KEY NOTE STEP`. */
import { readFileSync } from 'node:fs';
import { parseVerifierKey } from '@imprint/contract/audit/checkpoint';
import { Witness } from './witness.ts';
import { openWitnessHome, type WitnessHome } from './witness-home.ts';

const [folder, logKey, noteFile, step] = process.argv.slice(2) as [string, string, string, string];
const dieAt = (here: string) => {
  if (here === step) process.kill(process.pid, 'SIGKILL');
};
const real = openWitnessHome(folder, 'witness.example/w1');
const home: WitnessHome = {
  ...real,
  writeAgreed: (note) => {
    dieAt('before it agrees');
    real.writeAgreed(note);
    dieAt('agreed');
  },
  sign: async (message) => {
    const signature = await real.sign(message);
    dieAt('signed');
    return signature;
  },
  writeCosigned: (note) => {
    real.writeCosigned(note);
    dieAt('before it answers');
  },
};
const witness = new Witness(home, parseVerifierKey(logKey), () => 1_767_945_600);
process.stdout.write(JSON.stringify(await witness.submit(0, readFileSync(noteFile, 'utf8'), [])));
