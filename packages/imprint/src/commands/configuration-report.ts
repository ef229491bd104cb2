/** How configuration is shown to people. Text that devices and people gave cannot move the cursor. */
import type { DeviceConfigurationView, SetLine, SetReport } from '@imprint/authority/configuration/views';
import { facts, plain, table } from '../say.ts';

export const shareText = (share: number) => (share === 100 ? 'all its devices' : `${share} % of its devices`);

export function listLines(sets: readonly SetLine[]): string[] {
  if (sets.length === 0) return ['Nothing was published yet: imprint configuration publish'];
  return table([
    ['SCOPE', 'OF', 'OFFERED', 'TO', 'ALL OTHERS', 'NEWEST'],
    ...sets.map((set) => [
      set.scope,
      set.subject,
      set.offered,
      set.share === null ? null : `${set.share} %`,
      set.share === 100 ? null : set.fallback,
      set.newest,
    ]),
  ]);
}

export function setLines(set: SetReport): string[] {
  const inForce = set.offered ?? set.fallback ?? set.newest;
  const shown = set.versions.find((one) => one.version === inForce);
  const lines = table([
    ['VERSION', 'STATE', 'TO', 'APPLIED', 'FAILED', 'BY', 'PUBLISHED', 'REASON'],
    ...set.versions.map((row) => [
      row.version,
      row.version === set.fallback && row.state !== 'offered' ? 'good, in force' : row.state,
      row.share === null ? null : `${row.share} %`,
      row.applied,
      row.failed,
      row.author,
      row.published_at,
      row.end_reason === null ? row.reason : `${row.reason}; ended: ${row.end_reason}`,
    ]),
  ]);
  const values =
    shown === undefined
      ? []
      : [
          ...Object.entries(shown.values).map(([name, value]) => [name, String(value)]),
          ...shown.secrets.map((name) => [name, '(secret)']),
        ].sort(([a], [b]) => (a! < b! ? -1 : 1));
  return [
    ...lines,
    '',
    `Version ${inForce} says:`,
    ...(values.length === 0 ? ['nothing'] : table(values)),
    ...(set.failures.length === 0
      ? []
      : [
          '',
          ...table([
            ['FAILS ON', 'SINCE', 'IT SAYS'],
            ...set.failures.map((row) => [row.device_id, row.failed_at, row.detail]),
          ]),
        ]),
  ];
}

export function deviceLines(view: DeviceConfigurationView): string[] {
  const { last_report: last } = view;
  const from = view.values.map(({ from: { scope, subject, version } }) => `${scope} ${subject}, ${version}`);
  return [
    ...facts({
      device: view.device_id,
      state: view.delivered ? view.state : `${view.state}: it is given nothing before it is activated`,
      group: view.group_id,
      'last report':
        last === null
          ? null
          : `${last.outcome} at ${last.reported_at}${last.detail === null ? '' : `: ${last.detail}`}`,
      'it had': last === null ? null : last.versions.map((one) => `${one.scope} ${one.version}`).join(', '),
    }),
    '',
    ...(view.values.length === 0
      ? [plain(`Nothing is configured for ${view.device_id}.`)]
      : table([
          ['NAME', 'VALUE', 'FROM'],
          ...view.values.map(({ name, value, secret }, at) => [
            name,
            secret ? '(secret)' : String(value),
            from[at],
          ]),
        ])),
  ];
}
