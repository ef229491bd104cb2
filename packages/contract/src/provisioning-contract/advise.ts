/** What is legal in a provisioning contract and yet known to go wrong in the field: each finding is a warning. */

import type { Remark } from './cross-checks.ts';
import type { ProvisioningContract } from './schema.ts';
import { secretRemarks } from './secret-remarks.ts';

/** Every warning about a contract that has no errors. */
export function advise(contract: ProvisioningContract): Remark[] {
  return [
    ...identityAdvice(contract),
    ...secretRemarks(contract.factory_configuration.values),
    ...lockAdvice(contract),
    ...routeAdvice(contract),
    ...lifetimeAdvice(contract),
  ];
}

const derivationAdvice: Partial<Record<ProvisioningContract['identity']['derived_from'], [string, string]>> =
  {
    'mac-address': [
      'the ID is derived from a MAC address, which changes with the radio module and can be reprogrammed',
      'Allocate IDs, and report the MAC as a hardware UID.',
    ],
    'hardware-uid': [
      'the ID is a hardware UID, so a swapped board changes the name of the device',
      'Allocate IDs, and bind the UID to them: it is an ingredient, not the name.',
    ],
    secret: [
      'the ID is derived from a secret, and an ID stands on labels and in logs',
      'Allocate IDs that tell nothing about any key.',
    ],
  };

function identityAdvice({ identity }: ProvisioningContract): Remark[] {
  const remarks: Remark[] = [];
  const say = (field: string, message: string, hint: string) =>
    remarks.push({ path: ['identity', field], message, hint });
  const derivation = derivationAdvice[identity.derived_from];
  if (derivation !== undefined) say('derived_from', ...derivation);
  if (identity.borne_by.every((carrier) => carrier === 'label')) {
    say(
      'borne_by',
      'only the label bears the ID: once it is gone, nobody can name the unit',
      'Write it to nvm or otp too.',
    );
  }
  if (identity.hardware_uid.every((kind) => kind === 'mac')) {
    say(
      'hardware_uid',
      'units are told apart by their MAC alone, which can be reprogrammed',
      'Report mcu-uid as well.',
    );
  }
  const { grammar } = identity;
  if (!('uuid' in grammar)) {
    const isHex = /^[0-9a-f]{16}$/i.test(grammar.body_alphabet);
    if (isHex && grammar.body_length === 12 && derivation === undefined) {
      say(
        'grammar',
        'twelve hex digits look like a MAC address, which makes no good ID',
        'Allocate IDs of another form.',
      );
    }
    if (grammar.check === 'none') {
      say(
        'grammar',
        'without a check character a mistyped ID is another valid ID',
        'Set check to mod37-36 or luhn-mod-n.',
      );
    }
  }
  return remarks;
}

function lockAdvice({ lock_policy, boot_flags, credential }: ProvisioningContract): Remark[] {
  const remarks: Remark[] = [];
  if (lock_policy.debug === 'open') {
    const isFlash = credential.storage.class === 'protected-flash';
    remarks.push({
      path: ['lock_policy', 'debug'],
      message: isFlash
        ? 'the debug port stays open, and the private key lies in flash: whoever holds a unit can copy it'
        : 'the debug port stays open: units can be extracted, cloned or modified in the field',
      hint: 'Use locked or locked-permanently for everything that leaves the building.',
    });
  }
  if (!boot_flags.secure_boot) {
    remarks.push({
      path: ['boot_flags', 'secure_boot'],
      message: 'without secure boot any firmware can use the device key',
      hint: 'Set secure_boot to true for everything that leaves the building.',
    });
  }
  return remarks;
}

function routeAdvice({ route }: ProvisioningContract): Remark[] {
  if (route.some((step) => step.operation === 'pack')) return [];
  return [
    {
      path: ['route'],
      message:
        'nothing proves the unit on another station before it ships, so a hostile station can put in a key of its own',
      hint: 'End the route with { operation: pack }.',
    },
  ];
}

const minutesOfADay = 1_440;

function lifetimeAdvice({
  credential: { profile },
  revocation,
  rework,
  onboarding,
}: ProvisioningContract): Remark[] {
  const remarks: Remark[] = [];
  const say = (path: string[], message: string, hint: string) => remarks.push({ path, message, hint });
  const bound = ['revocation', 'visible_within_minutes'];
  if (revocation.visible_within_minutes < 10) {
    say(
      bound,
      'a bound under ten minutes makes every short outage of the CRL an outage of the fleet',
      'Use 10 to 1440.',
    );
  }
  if (revocation.visible_within_minutes > minutesOfADay) {
    say(bound, 'a stolen device stays accepted for more than a day', 'Use 10 to 1440.');
  }
  if (profile.successor_days === 0) {
    say(
      ['credential', 'profile', 'successor_days'],
      'a device that is off while its credential rotates is locked out',
      'Accept the superseded one for some days.',
    );
  }
  if (profile.validity !== 'forever' && profile.validity.days < 730 && onboarding === 'factory') {
    say(
      ['credential', 'profile', 'validity'],
      'a birth credential of less than two years can run out in a warehouse',
      'Use forever, or onboarding hybrid, which renews at first boot.',
    );
  }
  if (rework.attempts_cap === 1) {
    say(['rework', 'attempts_cap'], 'one bad cable scraps a unit', 'Allow a few attempts.');
  }
  if (rework.accepted_by === 'station') {
    say(
      ['rework', 'accepted_by'],
      'a stolen station can give new credentials to whatever came back, and no person is asked',
      'Leave it out: then a person accepts each returned unit by name.',
    );
  }
  return remarks;
}
