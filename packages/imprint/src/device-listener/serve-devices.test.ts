/** Real processes: an authority that serves devices, commands beside it, and NGINX, which asks it whether a device may pass. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { Agent, request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { configurationOf } from '../ceremony/ceremony.test-kit.ts';
import { initAuthority } from '../init-authority.ts';
import { type ShippedUnit, shippedUnits } from './home-units.test-kit.ts';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const imprint = (...args: string[]) =>
  spawnSync(process.execPath, [mainFile, ...args], { encoding: 'utf8', timeout: 60_000 });

const ids = ['GW-0001', 'GW-0002', 'GW-0003'];
const folder = mkdtempSync(join(tmpdir(), 'imprint-devices-'));
const home = join(folder, 'authority');
let units: ShippedUnit[];
let server: ChildProcess;
let addresses: { device: string; authorize: string };

before(async () => {
  await initAuthority(home, configurationOf('dev'));
  units = await shippedUnits(home, ids);
  const ports = ['station', 'public', 'device', 'authorize'].flatMap((name) => [`--${name}-port`, '0']);
  server = spawn(process.execPath, [mainFile, 'serve', '--home', home, ...ports, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(server.stdout!, 'data');
  addresses = JSON.parse(String(line));
});
after(() => {
  server.kill();
  rmSync(folder, { recursive: true });
});

const escapedLeaf = ({ chainPem }: ShippedUnit) =>
  encodeURIComponent(chainPem.split(/(?<=-----END CERTIFICATE-----\n)/)[0]!);

/** One connection that is kept, with the unit's certificate. */
function agentOf({ key, chainPem }: ShippedUnit, ca: string): Agent {
  return new Agent({
    ...{ keepAlive: true, maxSockets: 1, ca, cert: chainPem },
    key: key.export({ format: 'pem', type: 'pkcs8' }) as string,
  });
}

interface Answer {
  status: number;
  text: string;
  localPort: number | undefined;
}

function ask(origin: string, agent: Agent, path: string, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(origin);
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const method = body === undefined ? 'GET' : 'POST';
    const outgoing = request(
      { host: '127.0.0.1', servername: 'localhost', port, path, method, headers, agent },
      (incoming) => {
        const { localPort } = incoming.socket;
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (chunk: string) => {
          text += chunk;
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode!, text, localPort }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const rootPem = () => readFileSync(join(home, 'certificates', 'root.pem'), 'utf8');
const report = {
  firmware: { build_id: 'fw-9', sha256: 'ab'.repeat(32), rollback_counter: 9 },
  configuration: { version: 4 },
};

describe('an authority that serves devices', () => {
  it('I-11: refuses at the next request of a kept connection what a command has retired', async () => {
    const [unit] = units;
    const agent = agentOf(unit!, rootPem());
    const hello = () => ask(addresses.device, agent, '/v1/device/hello', report);
    const first = await hello();
    assert.equal(first.status, 200, first.text);
    const retired = imprint('device', 'retire', ids[0]!, '--home', home, '--reason', 'worn out');
    assert.equal(retired.status, 0, retired.stderr);
    const then = await hello();
    assert.deepEqual([then.status, then.localPort], [403, first.localPort]);
    assert.equal(JSON.parse(then.text).code, 'device_barred');
    agent.destroy();
  });

  it('NGINX lets a unit pass that lives, and at its next request no more', async (t) => {
    const nginx = await startNginx(t);
    const [, unit] = units;
    const agent = agentOf(unit!, readFileSync(join(nginx.folder, 'door.pem'), 'utf8'));
    const get = () => ask(nginx.origin, agent, '/telemetry');
    const first = await get();
    assert.deepEqual([first.status, first.text], [200, `for ${ids[1]}\n`]);
    const shown = JSON.parse(imprint('device', 'show', ids[1]!, '--home', home, '--json').stdout);
    assert.equal(shown.state, 'activated', 'its first contact was at the door of another');
    assert.equal(imprint('device', 'return', ids[1]!, '--home', home, '--reason', 'RMA 7').status, 0);
    const then = await get();
    assert.deepEqual([then.status, then.localPort], [403, first.localPort]);
    agent.destroy();
    const stranger = new Agent({ ca: readFileSync(join(nginx.folder, 'door.pem'), 'utf8') });
    assert.equal((await ask(nginx.origin, stranger, '/telemetry')).status, 400);
    stranger.destroy();
  });

  it('a door that names no device, or nothing at all, is told which it is', async () => {
    const askDoor = async (headers: Record<string, string>) => {
      const answer = await fetch(`${addresses.authorize}/v1/authorize`, { headers });
      return [answer.status, ((await answer.json()) as { code: string }).code];
    };
    const verified = { 'x-client-verify': 'SUCCESS' };
    assert.deepEqual(await askDoor({}), [401, 'not_authenticated']);
    assert.deepEqual(await askDoor({ ...verified, 'x-client-cert-sha256': 'ab'.repeat(32) }), [
      401,
      'not_authenticated',
    ]);
    assert.deepEqual(await askDoor({ ...verified, 'x-client-cert': 'no PEM' }), [400, 'bad_request']);
    const barred = { 'x-client-cert': escapedLeaf(units[0]!) };
    assert.deepEqual(await askDoor({ ...verified, ...barred }), [403, 'device_barred']);
    const living = { 'x-client-cert': escapedLeaf(units[2]!) };
    // what no TLS has verified is nobody's, though the registry knows it
    assert.deepEqual(await askDoor({ 'x-client-verify': 'FAILED', ...living }), [401, 'not_authenticated']);
    assert.deepEqual(await askDoor(living), [401, 'not_authenticated']);
    const passes = await fetch(`${addresses.authorize}/v1/authorize`, {
      headers: { ...verified, ...living },
    });
    assert.deepEqual([passes.status, passes.headers.get('imprint-device-id')], [204, ids[2]]);
  });

  it('shows when it ends who was here and who was turned away', async () => {
    server.kill('SIGTERM');
    const [code] = await once(server, 'exit');
    assert.equal(code, 0);
    const { seen, refused } = JSON.parse(imprint('device', 'contacts', '--home', home, '--json').stdout);
    assert.deepEqual(seen.map((row: { device_id: string }) => row.device_id).sort(), ids);
    const reasons = refused
      .map(({ device_id, kind }: Record<string, string>) => `${device_id} ${kind}`)
      .sort();
    const unverified = `${ids[2]} unknown-certificate`;
    assert.deepEqual(reasons, ['- unknown-certificate', `${ids[0]} barred`, `${ids[1]} barred`, unverified]);
    const { stdout } = imprint('device', 'show', ids[0]!, '--home', home);
    assert.match(stdout, /firmware seen +fw-9, roll-back counter 9/);
    assert.match(stdout, /configuration +4/);
    assert.match(stdout, /device:GW-0001 +state +activated +first contact/);
    assert.match(stdout, /GW-0001 +barred +\d/);
    assert.equal(imprint('audit', 'verify', '--home', home).status, 0);
  });
});

/** NGINX as in `examples/nginx/device-door.conf`, with the paths and ports of this test. */
async function startNginx(t: {
  after: (act: () => void) => void;
}): Promise<{ origin: string; folder: string }> {
  const program = '/usr/sbin/nginx';
  assert.ok(existsSync(program), 'NGINX is missing: install the Debian package nginx-light');
  const at = join(folder, 'nginx');
  mkdirSync(at);
  const openssl = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    ...['-keyout', join(at, 'door.key'), '-out', join(at, 'door.pem')],
  ]);
  assert.equal(openssl.status, 0);
  writeFileSync(join(at, 'device-root.pem'), rootPem());
  const port = await freePort();
  const example = fileURLToPath(new URL('../../../../examples/nginx/device-door.conf', import.meta.url));
  const site = readFileSync(example, 'utf8')
    .replaceAll('/etc/nginx/imprint/', `${at}/`)
    .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
    .replace('127.0.0.1:7490', new URL(addresses.authorize).host)
    .replace('127.0.0.1:8080', await startBackend(t));
  writeFileSync(join(at, 'site.conf'), site);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${at}/${name};`,
  );
  writeFileSync(
    join(at, 'nginx.conf'),
    `master_process off; pid ${at}/pid; error_log ${at}/errors error;
events {}
http { access_log off; ${temporary.join(' ')} include ${at}/site.conf; }
`,
  );
  // it comes back once it listens
  const errors = join(at, 'errors');
  const started = spawnSync(program, ['-c', join(at, 'nginx.conf'), '-e', errors], { stdio: 'ignore' });
  assert.equal(started.status, 0, existsSync(errors) ? readFileSync(errors, 'utf8') : '');
  t.after(() => process.kill(Number(readFileSync(join(at, 'pid'), 'utf8'))));
  return { origin: `https://127.0.0.1:${port}`, folder: at };
}

/** Says which device NGINX names, whoever asks. */
async function startBackend(t: { after: (act: () => void) => void }): Promise<string> {
  const backend = createHttpServer(({ headers }, answer) =>
    answer.end(`for ${headers['imprint-device-id']}\n`),
  ).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.after(() => backend.close());
  return `127.0.0.1:${(backend.address() as { port: number }).port}`;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
