/** Distinguished names of our profiles: four attributes, each at most once and alone in its RDN. It trusts no name; others are refused. */

import { type DerReader, derTag, parseText } from './der.ts';
import { derOid, derPrintableString, derSequence, derSetOf, derUtf8String } from './der-writer.ts';
import { oid } from './oid.ts';
import { type Realm, realmUnit } from './realm.ts';
import { refusal } from './refusal.ts';

export type NameAttribute = 'organization' | 'organizationalUnit' | 'commonName' | 'serialNumber';

export interface Name {
  /** What names are compared by: byte for byte. */
  der: Uint8Array;
  /** In the order of the encoding. */
  attributes: { type: NameAttribute; value: string }[];
}

const attributeTypes: readonly NameAttribute[] = [
  'organization',
  'organizationalUnit',
  'commonName',
  'serialNumber',
];
const attributeOids = Object.fromEntries(attributeTypes.map((type) => [type, derOid(oid[type])])) as Record<
  NameAttribute,
  Uint8Array
>;
const maxValueLength = 64;

/** The subject of a CA: organization, realm, name, in this order. */
export function caSubject(organization: string, realm: Realm, name: string): Name['attributes'] {
  return [
    { type: 'organization', value: organization },
    { type: 'organizationalUnit', value: realmUnit(realm) },
    { type: 'commonName', value: name },
  ];
}

/** DER of a name: serialNumber as PrintableString (RFC 5280 appendix A), the others as UTF8String. */
export function encodeName(attributes: Name['attributes']): Uint8Array {
  return derSequence(
    ...attributes.map(({ type, value }) =>
      derSetOf(
        derSequence(
          attributeOids[type],
          type === 'serialNumber' ? derPrintableString(value) : derUtf8String(value),
        ),
      ),
    ),
  );
}

/** Reads the next element as a name; `certificate_refused` (`name_wrong`) for one that is not of our profiles, also an empty one. */
export function readName(reader: DerReader): Name {
  const element = reader.element(derTag.sequence);
  const rdns = reader.inside(element);
  const attributes: Name['attributes'] = [];
  while (!rdns.atEnd) {
    const set = rdns.enter(derTag.set);
    const pair = set.enter();
    if (!set.atEnd)
      throw refusal('name_wrong', { offset: set.offset, problem: 'several attributes in one RDN' });
    const dotted = pair.oid();
    const value = pair.any();
    pair.end();
    const type = attributeTypes.find((known) => oid[known] === dotted);
    if (type === undefined) throw refusal('name_wrong', { offset: value.offset, attribute: dotted });
    if (attributes.some((attribute) => attribute.type === type)) {
      throw refusal('name_wrong', { offset: value.offset, problem: `${type} twice` });
    }
    const allowed =
      type === 'serialNumber' ? [derTag.printableString] : [derTag.utf8String, derTag.printableString];
    if (!allowed.some((tag) => tag === value.tag)) {
      throw refusal('name_wrong', { offset: value.offset, problem: 'string type' });
    }
    const text = parseText(value);
    if (text === '' || text.length > maxValueLength || /\p{C}/u.test(text)) {
      throw refusal('name_wrong', { offset: value.offset, problem: 'length or control character' });
    }
    attributes.push({ type, value: text });
  }
  if (attributes.length === 0) throw refusal('name_wrong', { offset: element.offset, problem: 'empty' });
  return { der: element.bytes, attributes };
}

/** The value of an attribute, where the name has it. */
export function nameValue(name: Name, type: NameAttribute): string | undefined {
  return name.attributes.find((attribute) => attribute.type === type)?.value;
}
