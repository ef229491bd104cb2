/**
 * Who speaks on a station connection, decided anew at every request (I-11). It trusts TLS for the chain up to the station
 * root, its own strict parser for what the certificate says, and the registry for whether that is still so.
 */
import type { TLSSocket } from 'node:tls';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { checkLeaf } from '@imprint/contract/x509/leaf';
import { type Realm, realmPolicyOid } from '@imprint/contract/x509/realm';
import type { RaiseStationAlarm } from '../jobs/station-alarms.ts';
import { Pace } from '../pace.ts';
import type { FindStation } from '../stations/find-station.ts';

interface Peer {
  stationId: string;
  certificateSha256: string;
  notAfter: string;
}

export class StationGate {
  readonly #realm: Realm;
  readonly #find: FindStation;
  readonly #alarm: RaiseStationAlarm;
  readonly #clock: () => Date;
  /** One station must not take the authority's time, or fill its log, to the harm of the others. */
  readonly #pace: Pace;
  /** A certificate is read once a connection; undefined where none, or none of ours, was shown. */
  readonly #peers = new WeakMap<TLSSocket, Peer | undefined>();

  constructor(realm: Realm, find: FindStation, alarm: RaiseStationAlarm, clock: () => Date) {
    this.#realm = realm;
    this.#find = find;
    this.#alarm = alarm;
    this.#clock = clock;
    this.#pace = new Pace({ burst: limits.requestsPerLane, perSecond: limits.requestsPerLaneASecond }, () =>
      clock().getTime(),
    );
  }

  /**
   * The ID of the station behind a connection, where it may speak now.
   * @throws not_authenticated without a certificate of this realm's station CA, with one that ran out or that is not the
   * registered one; station_pending, station_revoked, rate_limited
   */
  async admit(socket: TLSSocket): Promise<string> {
    const peer = this.#peerOf(socket);
    if (peer === undefined) {
      throw new ImprintError('not_authenticated', 'This connection shows no certificate of a station here.', {
        hint: 'Enrol the station first: `imprint station enroll`.',
      });
    }
    const { stationId } = peer;
    const station = await this.#find(stationId);
    if (station?.status === 'revoked') {
      throw new ImprintError('station_revoked', `Station ${stationId} was revoked.`, {
        hint: 'Enrol it anew with a fresh token if it is to work again.',
      });
    }
    // before the registered certificate is compared: a station that is enrolled anew has none yet
    if (station?.status === 'pending' || station?.status === 'invited') {
      throw new ImprintError('station_pending', `Station ${stationId} is not confirmed.`, {
        hint: 'Let a person compare the fingerprint and confirm the station.',
      });
    }
    if (station?.certificateSha256 !== peer.certificateSha256) {
      throw new ImprintError(
        'not_authenticated',
        `This is not the certificate that station ${stationId} has now.`,
        {
          hint: 'If nobody enrolled this station anew, its key may be in use elsewhere: call whoever runs the authority.',
        },
      );
    }
    const now = this.#clock().toISOString();
    if (now > peer.notAfter || station.notAfter === null || now > station.notAfter) {
      throw new ImprintError('not_authenticated', `The certificate of station ${stationId} ran out.`, {
        hint: 'Enrol the station anew.',
      });
    }
    await this.#take(stationId, 1, station.lanes ?? 1);
    return stationId;
  }

  /** Counts the further units of a request that is about many, before any of them is looked at. @throws rate_limited */
  async charge(stationId: string, units: number): Promise<void> {
    if (units > 0) await this.#take(stationId, units, (await this.#find(stationId))?.lanes ?? 1);
  }

  async #take(stationId: string, requests: number, lanes: number): Promise<void> {
    if (this.#pace.take(stationId, requests / lanes)) return;
    await this.#alarm('asks-too-fast', stationId, `it asks faster than lanes work, of which it has ${lanes}`);
    throw new ImprintError('rate_limited', `Station ${stationId} asks faster than its lanes can work.`, {
      hint: 'Wait a moment. If the line is not this busy, its key may be in use elsewhere: call whoever runs the authority.',
    });
  }

  #peerOf(socket: TLSSocket): Peer | undefined {
    if (!this.#peers.has(socket)) this.#peers.set(socket, this.#readPeer(socket));
    return this.#peers.get(socket);
  }

  #readPeer(socket: TLSSocket): Peer | undefined {
    if (!socket.authorized) return undefined;
    const shown = socket.getPeerX509Certificate();
    if (shown === undefined) return undefined;
    try {
      const certificate = parseCertificate(shown.raw);
      const { id } = checkLeaf(certificate, 'station', this.#realm);
      if (certificate.extensions.policies?.join() !== realmPolicyOid(this.#realm)) return undefined;
      return { stationId: id, certificateSha256: certificate.sha256, notAfter: certificate.notAfter };
    } catch (error) {
      if (error instanceof ImprintError) return undefined;
      throw error;
    }
  }
}
