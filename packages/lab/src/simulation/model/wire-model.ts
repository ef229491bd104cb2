/**
 * What leaves the authority, held against what is on its disk at that moment: nothing is told that is not durable, nothing is
 * told twice differently, and whatever the log signs is of the one log.
 */
import { createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import type { StationRequest } from '@imprint/contract/api/station';
import type { Answer } from '@imprint/station/read-answer';
import { askedAlone } from '../asked-alone.ts';
import type { Message } from '../network.ts';
import type { CaModel } from './ca-model.ts';
import { sha256, tbsOf } from './certificate-bytes.ts';
import type { LogModel } from './log-model.ts';
import type { Violations } from './violation.ts';

/** The same value whatever the order of its members was: a station that starts anew writes them in another one. */
type Asked = Pick<Message, 'route' | 'params' | 'body'>;

/** What is asked, however its members are ordered. */
function said({ route, params, body }: Asked): string {
  return JSON.stringify([route, params, inOrder(JSON.parse(body))]);
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return members.map(([name, member]) => [name, inOrder(member)]);
}

/** Bodies without a request ID change nothing. */
interface Numbered {
  request_id?: string;
}

export class WireModel {
  readonly #log: LogModel;
  readonly #cas: CaModel;
  readonly #violations: Violations;
  /** By station and request ID: the body, and what was answered with 200. */
  readonly #told = new Map<string, { asked: Asked; certificate?: string }>();
  readonly #judged = new Set<string>();
  #logKey: KeyObject | undefined;

  constructor(log: LogModel, cas: CaModel, violations: Violations) {
    this.#log = log;
    this.#cas = cas;
    this.#violations = violations;
  }

  begin(logPublicKey: Uint8Array): void {
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), logPublicKey]);
    this.#logKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  }

  answered(message: Message, { status, text }: Answer): void {
    if (message.route === 'issueCredentials' && status === 200) {
      this.#answeredMany(message, text);
      return;
    }
    if (status !== 200) {
      this.#refused(message, text);
      return;
    }
    this.#oneAnswer(message, text);
    const revokedMs = this.#log.revokedStations.get(message.stationId);
    this.#violations.unless(
      revokedMs === undefined ||
        message.sentMs === undefined ||
        message.sentMs <= revokedMs ||
        message.route === 'contract',
      'I-11',
      () => `${message.route} of ${message.stationId} is carried out after it was revoked`,
    );
    switch (message.route) {
      case 'issueCredential':
        this.#certificate(JSON.parse(text).device_cert_pem);
        break;
      case 'openJob': {
        const { certificate, receipt } = JSON.parse(text);
        if (certificate !== null) this.#certificate(certificate.device_cert_pem);
        if (receipt !== null) this.#receipt(receipt);
        break;
      }
      case 'completeJob':
        this.#receipt(JSON.parse(text).receipt);
        break;
      case 'openSession':
        this.#checkpoint(JSON.parse(text).checkpoint);
        break;
    }
  }

  /** Each unit of a request for many as if it had asked alone. */
  #answeredMany(message: Message, text: string): void {
    const { units } = JSON.parse(message.body) as StationRequest<'issueCredentials'>;
    const alone = askedAlone({ message, answer: { status: 200, text } });
    this.#violations.unless(
      alone.length === units.length && JSON.parse(text).outcomes.length === units.length,
      'I-10',
      () => `${units.length} units are not answered with as many outcomes`,
    );
    for (const exchange of alone) this.answered(exchange.message, exchange.answer);
  }

  #refused({ route, stationId }: Message, text: string): void {
    const { code, detail } = JSON.parse(text);
    this.#violations.unless(
      code !== 'internal',
      'I-10',
      () => `${route} of ${stationId} is answered "${detail}"`,
    );
  }

  /** I-22: the same request again gets the same certificate, and its ID is good for no other. */
  #oneAnswer({ stationId, route, params, body }: Message, text: string): void {
    const { request_id } = JSON.parse(body) as Numbered;
    if (request_id === undefined) return;
    const asked: Asked = { route, params, body };
    const key = `${stationId} ${request_id}`;
    const before = this.#told.get(key);
    this.#violations.unless(
      before === undefined || said(before.asked) === said(asked),
      'I-22',
      () => `request ${request_id} of ${stationId} is carried out with another body`,
    );
    const certificate =
      route === 'issueCredential' ? (JSON.parse(text).device_cert_pem as string) : undefined;
    this.#violations.unless(
      before?.certificate === undefined || before.certificate === certificate,
      'I-22',
      () => `request ${request_id} of ${stationId} gets another certificate than before`,
    );
    this.#told.set(key, certificate === undefined ? { asked } : { asked, certificate });
  }

  /** I-1, I-3, I-6: what leaves is what the log has, signed by the issuing key, and nothing but a device's. */
  #certificate(pem: string): void {
    const certificate = new X509Certificate(pem);
    const der = certificate.raw;
    const logged = this.#log.byTbs.get(sha256(tbsOf(der)));
    if (logged?.certificate === undefined || !logged.certificate.equals(der)) {
      this.#violations.add('I-1', `a certificate leaves that is not on the disk: ${certificate.subject}`);
      return;
    }
    const fingerprint = certificate.fingerprint256;
    if (this.#judged.has(fingerprint)) return;
    this.#judged.add(fingerprint);
    const issuer = this.#cas.installed.get(logged.issuerSha256)?.certificate;
    this.#violations.unless(
      issuer !== undefined && certificate.verify(issuer.publicKey) && certificate.checkIssued(issuer),
      'I-3',
      () => `the certificate of ${logged.deviceId} is not signed by the CA that was to sign it`,
    );
    const spki = certificate.publicKey.export({ format: 'der', type: 'spki' });
    this.#violations.unless(
      !certificate.ca &&
        sha256(spki) === logged.keySha256 &&
        certificate.serialNumber.toLowerCase().replace(/^0+/, '') === logged.serial.replace(/^0+/, '') &&
        certificate.subject.split('\n').includes(`serialNumber=${logged.deviceId}`) &&
        certificate.subjectAltName === `othername:<unsupported>, URI:urn:imprint:dev:${logged.deviceId}`,
      'I-6',
      () =>
        `the certificate of ${logged.deviceId} says something else than its intent: ${certificate.subject} ${certificate.subjectAltName} ${certificate.serialNumber} ca ${certificate.ca}`,
    );
  }

  /** A receipt is of an entry that is on the disk, under a checkpoint of this log. */
  #receipt(text: string): void {
    const { entry_b64, index, checkpoint } = JSON.parse(text);
    const logged = this.#log.entries[index];
    this.#violations.unless(
      logged?.equals(Buffer.from(entry_b64, 'base64')) === true,
      'I-1',
      () => `a receipt leaves for entry ${index}, which is not on the disk`,
    );
    this.#checkpoint(checkpoint);
  }

  /** I-16: every checkpoint is of the one log that the model has seen grow. */
  #checkpoint(note: string): void {
    if (this.#judged.has(note)) return;
    this.#judged.add(note);
    const end = note.indexOf('\n\n') + 1;
    const [, size, root] = note.slice(0, end).split('\n');
    const signature = Buffer.from(
      note
        .slice(end + 1)
        .trim()
        .split(' ')
        .at(-1)!,
      'base64',
    ).subarray(4);
    this.#violations.unless(
      verify(null, Buffer.from(note.slice(0, end)), this.#logKey!, signature),
      'I-16',
      () => `a checkpoint of ${size} entries is not signed by the log`,
    );
    const own = this.#log.roots.at(Number(size));
    this.#violations.unless(
      own !== undefined && own.toString('base64') === root,
      'I-16',
      () => `a checkpoint of ${size} entries leaves with root ${root}, which the log never had`,
    );
  }
}
