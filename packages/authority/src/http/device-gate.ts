/**
 * Who speaks on a device's connection, decided anew at every request (I-11, I-14): the certificate that TLS proved, its row in the
 * registry, the device's state. It trusts TLS for the chain and the proof of the key, and the registry for all the rest.
 */
import type { TLSSocket } from 'node:tls';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import type { GatheredContacts } from '../onboarding/contacts.ts';
import type { DeviceDecisions } from '../onboarding/device-decisions.ts';
import type { FindCredential, FoundCredential } from '../onboarding/found-credential.ts';
import { type ContactVerdict, contactError, judgeContact } from '../onboarding/judge-contact.ts';
import type { KnownDevice } from '../onboarding/known-device.ts';
import { Pace } from '../pace.ts';
import { TwoPlaces } from './two-places.ts';

export interface DeviceGateOptions {
  find: FindCredential;
  /** For how many days the contract of this hash accepts what was superseded. */
  successorDays: (contractSha256: string) => Promise<number>;
  decisions: Pick<DeviceDecisions, 'activate' | 'endPredecessor' | 'suspectClone'>;
  contacts: GatheredContacts;
  clock: () => Date;
  /** Goes on steadily, whatever becomes of the clock. */
  monotonicMs: () => number;
}

/** What a connection proved. */
interface Peer {
  certificateSha256: string;
  /** TLS verified the chain up to the root. */
  isOurs: boolean;
  address: string;
}

/** A certificate that was proven, wherever that was. */
export interface ShownCertificate extends Peer {
  /** What stays the same for as long as the connection lives; undefined where the connection is not known. */
  connection: object | undefined;
}

/** `renewal`: where a device asks for the next certificate, which is also for one whose CA's key was stolen. */
export type Door = 'any' | 'renewal';

/** Whoever is certified anew is not activated by it: its first contact is the one with the new certificate. */
function throughDoor(verdict: ContactVerdict, door: Door): ContactVerdict {
  const isAnew = !verdict.passes && verdict.refusal === 'certify-anew' && door === 'renewal';
  return isAnew ? { passes: true, first: false } : verdict;
}

export class DeviceGate {
  readonly #options: DeviceGateOptions;
  readonly #pace: Pace;
  readonly #places = new TwoPlaces();
  /** A certificate is read once a connection; undefined where none was shown. */
  readonly #peers = new WeakMap<TLSSocket, Peer | undefined>();

  constructor(options: DeviceGateOptions) {
    this.#options = options;
    this.#pace = new Pace(
      { burst: limits.requestsPerDevice, perSecond: limits.requestsPerDeviceAMinute / 60 },
      options.monotonicMs,
    );
  }

  /**
   * The device behind a connection, where it may speak now. Its first contact after it was shipped activates it, durably, before this
   * resolves.
   * @throws not_authenticated (no certificate of ours, or one that ran out), credential_revoked, device_not_shipped, device_barred,
   * clone_suspected, rate_limited; storage_failed, clock_untrusted, log_held where an activation cannot be written
   */
  async admit(socket: TLSSocket, door: Door = 'any'): Promise<KnownDevice> {
    const peer = this.#peerOf(socket);
    if (peer === undefined) {
      throw new ImprintError('not_authenticated', 'This connection shows no certificate of a device.', {
        hint: 'Connect with the certificate that was written on the line, and its chain.',
      });
    }
    return this.admitShown({ ...peer, connection: socket }, door);
  }

  /** The same for a certificate that somebody else's TLS proved. @throws as {@link admit} */
  async admitShown(shown: ShownCertificate, door: Door = 'any'): Promise<KnownDevice> {
    const { certificateSha256, isOurs } = shown;
    const found = await this.#options.find(certificateSha256);
    const verdict = throughDoor(await this.#judge(found, isOurs), door);
    if (!verdict.passes || found === undefined) throw this.#refuse(shown, verdict, found);
    const known: KnownDevice = {
      deviceId: found.deviceId,
      credentialId: found.credentialId,
      profile: found.profile as KnownDevice['profile'],
      certificateSha256,
    };
    // how fast it may ask at another door is that door's to say
    if (shown.connection !== undefined && !this.#pace.take(found.deviceId)) {
      throw new ImprintError('rate_limited', 'This device asks too often.', {
        hint: 'Wait as long as the answer says.',
      });
    }
    await this.#requireOnePlace(shown, known, found);
    if (verdict.first) await this.#activate(shown, known);
    if (found.status === 'active' && found.superseded !== null) {
      await this.#options.decisions.endPredecessor(known);
    }
    this.#options.contacts.saw({
      device_id: known.deviceId,
      last_seen_at: this.#at(),
      address: shown.address,
      certificate_sha256: certificateSha256,
    });
    return known;
  }

  async #activate(shown: ShownCertificate, known: KnownDevice): Promise<void> {
    try {
      await this.#options.decisions.activate(known);
    } catch (error) {
      if (!isImprintError(error, 'transition_refused')) throw error;
      // somebody moved it meanwhile: what it is now decides
      const found = await this.#options.find(known.certificateSha256);
      const verdict = await this.#judge(found, shown.isOurs);
      if (!verdict.passes) throw this.#refuse(shown, verdict, found);
      if (verdict.first) throw error;
    }
  }

  async #judge(found: FoundCredential | undefined, isOurs: boolean): Promise<ContactVerdict> {
    const days = found?.status === 'superseded' ? await this.#options.successorDays(found.contractSha256) : 0;
    const verdict = judgeContact(found, this.#at(), days);
    // what ran out is no chain to TLS; the registry says which device it was
    if (!verdict.passes || isOurs) return verdict;
    return { passes: false, refusal: 'unknown-certificate' };
  }

  async #requireOnePlace(
    { connection, address, certificateSha256 }: ShownCertificate,
    known: KnownDevice,
    found: FoundCredential,
  ): Promise<void> {
    if (connection === undefined) return;
    const nowMs = this.#options.monotonicMs();
    if (!this.#places.used(certificateSha256, connection, address, nowMs)) return;
    await this.#options.decisions.suspectClone(
      known,
      'two-places',
      'its key is in use at two places at once: see imprint device contacts',
    );
    const shown = { certificateSha256, address, isOurs: true, connection };
    throw this.#refuse(shown, { passes: false, refusal: 'clone-suspected' }, found);
  }

  #refuse(
    { certificateSha256, address }: ShownCertificate,
    verdict: ContactVerdict,
    found: FoundCredential | undefined,
  ): ImprintError {
    const kind = verdict.passes ? 'unknown-certificate' : verdict.refusal;
    this.#options.contacts.refused(
      { deviceId: found?.deviceId, kind, certificateSha256, address },
      this.#at(),
    );
    return contactError(kind, found);
  }

  #at(): string {
    return this.#options.clock().toISOString();
  }

  #peerOf(socket: TLSSocket): Peer | undefined {
    if (this.#peers.has(socket)) return this.#peers.get(socket);
    const shown = socket.getPeerX509Certificate();
    const peer: Peer | undefined =
      shown === undefined
        ? undefined
        : {
            certificateSha256: sha256Hex(shown.raw),
            isOurs: socket.authorized,
            address: socket.remoteAddress ?? '',
          };
    this.#peers.set(socket, peer);
    if (peer !== undefined) {
      socket.once('close', () => this.#places.left(peer.certificateSha256, socket));
    }
    return peer;
  }
}
