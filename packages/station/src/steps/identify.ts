/**
 * Identify: who is in the fixture, by what it answers and what it holds, before anything is opened or written. A unit of
 * another realm, root, product, revision or firmware goes no further.
 */
import type { HelloReply } from '@imprint/contract/dut/message';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import { type ParsedContract, storageMapOf } from '../contract-facts.ts';
import { LineFailure } from '../line-failure.ts';
import type { IdentifiedUnit, Visit } from '../visit.ts';

/** @throws LineFailure realm_wrong, root_wrong, firmware_wrong, hardware_revision_wrong; ImprintError of the session */
export async function identify(visit: Visit): Promise<IdentifiedUnit> {
  const unit = await greet(visit);
  const contracts = (await visit.station.orderContracts()).filter(
    ({ contract }) => contract.product === unit.hello.product,
  );
  const faults = contracts.map((contract) => fitFault(unit.hello, contract));
  // One order of this product that takes the unit is enough; which one it is, the authority says.
  if (faults.length > 0 && faults.every((fault) => fault !== undefined)) throw faults[0];
  return unit;
}

/**
 * After a reset or a lost link: whoever answers now must be the unit that was there before.
 * @throws LineFailure unit_swapped with the newcomer's hardware UID
 */
export async function identifyAgain(visit: Visit, before: IdentifiedUnit): Promise<IdentifiedUnit> {
  const now = await greet(visit);
  if (now.uid !== before.uid) {
    throw new LineFailure(
      'unit_swapped',
      `another unit lies in the fixture now: ${now.uid} instead of ${before.uid}`,
      {
        otherUnit: now.hello.hardware_uid,
      },
    );
  }
  return now;
}

/** Says hello and refuses what no contract can allow. */
export async function greet(visit: Visit): Promise<IdentifiedUnit> {
  const hello = await visit.dut.start();
  const { view, rootSha256 } = visit.station;
  if (hello.realm !== view.realm) {
    throw new LineFailure(
      'realm_wrong',
      `the unit's firmware is of realm ${hello.realm}, this station of ${view.realm}`,
    );
  }
  if (hello.root_sha256 !== rootSha256) {
    throw new LineFailure(
      'root_wrong',
      `the unit's firmware pins root ${hello.root_sha256.slice(0, 16)}…, the realm's is ${rootSha256.slice(0, 16)}…`,
    );
  }
  if (hello.features.includes('sign-challenge') && view.realm !== 'dev') {
    throw new LineFailure(
      'firmware_wrong',
      'the firmware is a development build that signs whatever it is given',
    );
  }
  const status = await visit.dut.call('status', {});
  return { hello, status, uid: hardwareUidText(hello.hardware_uid) };
}

/** Why this contract does not take this unit, if it does not. */
export function fitFault(hello: HelloReply, parsed: ParsedContract): LineFailure | undefined {
  const { product, hardware_revisions, firmware } = parsed.contract;
  if (hello.product !== product) {
    return new LineFailure(
      'firmware_wrong',
      `the firmware is of product ${hello.product}, the order of ${product}`,
    );
  }
  if (!hardware_revisions.includes(hello.hw_rev)) {
    return new LineFailure(
      'hardware_revision_wrong',
      `the unit is of hardware revision ${hello.hw_rev}; the order takes ${hardware_revisions.join(', ')}`,
    );
  }
  const wanted = [firmware.build_id, firmware.sha256, firmware.rollback_counter, storageMapOf(parsed)];
  const found = [
    hello.firmware.build_id,
    hello.firmware.sha256,
    hello.firmware.rollback_counter,
    hello.storage_map_sha256,
  ];
  const names = ['build', 'image hash', 'roll-back counter', 'storage map'];
  const wrong = names.find((_, index) => wanted[index] !== found[index]);
  if (wrong === undefined) return undefined;
  const at = names.indexOf(wrong);
  return new LineFailure(
    'firmware_wrong',
    `the firmware's ${wrong} is ${found[at]}; the contract names ${wanted[at]}`,
  );
}
