/**
 * I-21, from the log alone: how far a station reaches. Whatever an entry says that a station did, it did to a unit of an order that
 * it is assigned to, within its share and while the order was open; how much an order gives is raised by people alone, and never lowered; boards that nobody knows it sets aside by the hour, not more.
 */
import { type LoggedEntry, type LogModel, uidText } from './log-model.ts';
import type { Violations } from './violation.ts';

/** The cap of the authority's own limits, written down once more: the model asks the program nothing. */
const unknownBoardsAnHour = 30;
const hourMs = 3_600_000;

interface Terms {
  stations: ReadonlySet<string>;
  share: number;
  opensAt: string;
  closesAt: string;
}

export class ReachModel {
  readonly #log: LogModel;
  readonly #violations: Violations;
  readonly #terms = new Map<string, Terms>();
  /** By order and station: the IDs that it had certified. */
  readonly #minted = new Map<string, Set<string>>();
  /** By station: when it set aside boards that nobody knows. */
  readonly #strangers = new Map<string, number[]>();

  constructor(log: LogModel, violations: Violations) {
    this.#log = log;
    this.#violations = violations;
  }

  /** An entry, after the log's model has taken it. */
  take({ type, at, actor, data }: LoggedEntry): void {
    if (type === 'order.created') {
      const { stations, station_share, opens_at: opensAt, closes_at: closesAt } = data;
      const share = station_share ?? Number.POSITIVE_INFINITY;
      this.#terms.set(data.order_id, { stations: new Set(stations), share, opensAt, closesAt });
    }
    if (type === 'order.quota-raised') this.#raise(actor, data);
    if (actor.kind !== 'station' || type === 'alarm.raised') return;
    const uid = data.hardware_uid === undefined ? undefined : uidText(data.hardware_uid);
    const deviceId: string | undefined =
      this.#log.jobs.get(data.job_id)?.deviceId ??
      data.device_id ??
      (uid === undefined ? undefined : this.#log.jobOfUid.get(uid)?.deviceId);
    if (deviceId === undefined) {
      if (type === 'unit.quarantined') this.#setAside(actor.id, Date.parse(at));
      return;
    }
    const orderId = this.#log.deviceOrder.get(deviceId) ?? '';
    const terms = this.#terms.get(orderId);
    if (terms?.stations.has(actor.id) !== true) {
      this.#violations.add(
        'I-21',
        `${type} of ${deviceId} by ${actor.id}, which does not work on ${orderId}`,
      );
      return;
    }
    if (type === 'job.opened' && (at < terms.opensAt || at >= terms.closesAt)) {
      this.#violations.add('I-21', `${deviceId} is opened by ${actor.id} while ${orderId} is not open`);
    }
    if (type === 'credential.intended') this.#mints(actor.id, orderId, deviceId, terms);
  }

  #raise(actor: LoggedEntry['actor'], { order_id, quantity, scrap_allowance }: LoggedEntry['data']): void {
    const order = this.#log.orders.get(order_id);
    const quota = quantity + scrap_allowance;
    this.#violations.unless(
      order !== undefined && quota > order.quota && actor.kind === 'person',
      'I-21',
      () => `${actor.kind} ${actor.id} changes the quota of ${order_id} from ${order?.quota} to ${quota}`,
    );
    if (order !== undefined) order.quota = quota;
  }

  #mints(stationId: string, orderId: string, deviceId: string, { share }: Terms): void {
    const key = `${orderId} ${stationId}`;
    const minted = this.#minted.get(key) ?? new Set();
    this.#minted.set(key, minted.add(deviceId));
    this.#violations.unless(
      minted.size <= share,
      'I-21',
      () => `${stationId} mints ${deviceId} beyond its share of ${orderId}`,
    );
  }

  #setAside(stationId: string, atMs: number): void {
    const recent = (this.#strangers.get(stationId) ?? []).filter((other) => other > atMs - hourMs);
    this.#strangers.set(stationId, [...recent, atMs]);
    this.#violations.unless(
      recent.length < unknownBoardsAnHour,
      'I-21',
      () => `${stationId} sets aside ${recent.length + 1} boards that nobody knows within an hour`,
    );
  }
}
