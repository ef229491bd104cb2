/** A program that tells a secret in every way in which ours must not. */
import type { RecordedRun } from './recorded-run.ts';

const program = `
  const { DatabaseSync } = require('node:sqlite');
  const { writeFileSync } = require('node:fs');
  const { connect, createServer } = require('node:net');
  const [text, file, database, out] = process.argv.slice(1);
  const bytes = Buffer.from(text, 'base64');
  console.log(JSON.stringify({ bytes }));
  console.error('cannot read ' + bytes.toString('hex').slice(0, 40) + '…');
  writeFileSync(file, bytes);
  writeFileSync(out, 'key,' + bytes.toString('hex'));
  const db = new DatabaseSync(database);
  db.exec('create table leak (value blob)');
  db.prepare('insert into leak values (?)').run(bytes);
  db.close();
  const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', () => {
    const socket = connect(server.address().port, '127.0.0.1', () => socket.write(bytes.toString('base64url')));
    socket.once('data', () => { throw new Error(text); });
  });
  process.stdin.resume();
`;

export async function leak(run: RecordedRun, secret: Uint8Array): Promise<void> {
  const text = Buffer.from(secret).toString('base64');
  const files = [
    run.path('temporary', 'leak'),
    run.path('working', 'leak.sqlite'),
    run.path('exports', 'leak.csv'),
  ];
  const child = run.spawn(['-e', program, text, ...files], { LEAK: Buffer.from(secret).toString('hex') });
  await run.ended(child, 'leak', `${text}\n`);
}
