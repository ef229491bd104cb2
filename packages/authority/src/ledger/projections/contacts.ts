/** Entries of units in the field: what they say of themselves, and why they were turned away. */
import { canonicalJson } from '@imprint/contract/canonical-json';
import { mustUpdateOne, type Projections, recordChange } from './projections.ts';

export const contactProjections: Projections<
  'device.reported' | 'device.refused' | 'device.clone-suspected'
> = {
  'device.reported': async (tx, entry, index) => {
    const { device_id, firmware, configuration } = entry.data;
    const { reported: before } = await tx
      .selectFrom('device')
      .select('reported')
      .where('device_id', '=', device_id)
      .executeTakeFirstOrThrow();
    const result = await tx
      .updateTable('device')
      .set({ last_seen_firmware: firmware.build_id, reported: canonicalJson({ firmware, configuration }) })
      .where('device_id', '=', device_id)
      .executeTakeFirst();
    mustUpdateOne(result, 'unknown_device', `there is no device ${device_id}`);
    const said = before === null ? null : (JSON.parse(before) as typeof entry.data);
    if (said === null || canonicalJson(said.firmware) !== canonicalJson(firmware)) {
      const { build_id, sha256, rollback_counter } = firmware;
      await recordChange(tx, entry, index, {
        deviceId: device_id,
        field: 'firmware',
        value: `${build_id} ${sha256} ${rollback_counter}`,
      });
    }
    const version = configuration?.version ?? null;
    if (version !== (said?.configuration?.version ?? null)) {
      await recordChange(tx, entry, index, {
        deviceId: device_id,
        field: 'configuration',
        value: version === null ? 'none' : String(version),
      });
    }
  },

  'device.refused': (tx, entry, index) =>
    recordChange(tx, entry, index, {
      deviceId: entry.data.device_id,
      field: 'refused',
      value: entry.data.kind,
      reason: `certificate ${entry.data.certificate_sha256}`,
    }),

  'device.clone-suspected': (tx, entry, index) =>
    recordChange(tx, entry, index, {
      deviceId: entry.data.device_id,
      field: 'clone suspected',
      value: entry.data.evidence,
      reason: entry.data.detail,
    }),
};
