import {
  ENUMERATIONS,
  REPRESENTATIONS,
  type EnumerationName,
  type RepresentationName,
} from '../../../o2g/spec/representations';

/** A value of a representation with every field filled, two entries in every list; `reached` gets the names of all representations in it. */
export function instanceOf(name: RepresentationName, reached: Set<string>): Record<string, unknown> {
  reached.add(name);
  const fields: Readonly<Record<string, string>> = REPRESENTATIONS[name];
  return Object.fromEntries(
    Object.entries(fields).map(([field, written]) => {
      const many = /[*+]$/.test(written);
      const value = (index: number): unknown => valueOf(written.replace(/[?*+]$/, ''), field, index, reached);
      return [field, field === 'eventName' ? name : many ? [value(0), value(1)] : value(0)];
    }),
  );
}

function valueOf(type: string, field: string, index: number, reached: Set<string>): unknown {
  if (Object.hasOwn(REPRESENTATIONS, type)) return instanceOf(type as RepresentationName, reached);
  if (Object.hasOwn(ENUMERATIONS, type)) {
    reached.add(type);
    return ENUMERATIONS[type as EnumerationName][index];
  }
  if (type === 'int') return 1000 + index;
  if (type === 'boolean') return index === 0;
  return field === 'loginName' ? 'oxe70120' : `${field} é電 ${index}`;
}
