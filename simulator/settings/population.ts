import type { Enumeration, Representation } from '../specification';

/** One OXE of the network. */
export interface NodeOptions {
  readonly nodeId: number;
  /** @default `oxe-<nodeId>` */
  readonly name?: string;
  /** Whether its recording is configured with native encryption. @default the simulator's `secure` */
  readonly secured?: boolean;
}

/** A device beside the main one: tandem, DECT, softphone. */
export interface DeviceOptions {
  /** Its directory number. */
  readonly id: string;
  /** @default 'DESKPHONE' */
  readonly type?: Enumeration<'DeviceType'>;
  /** @default 'ALE-300' */
  readonly subType?: string;
  /** Whether it is an IP device, of which alone an IP recording can be made. @default true */
  readonly ip?: boolean;
}

/** An ACD agent: where the agent logs on, and in which processing group. */
export interface AgentOptions {
  /** Number of the pro-acd device, another user's main device, at which calls are presented. */
  readonly proAcdDeviceNumber: string;
  readonly pgNumber: string;
  /** @default true */
  readonly loggedOn?: boolean;
}

/** A user of the OXE. The login is `oxe<number>`. */
export interface UserOptions extends Omit<DeviceOptions, 'id'> {
  /** Directory number of the main device. */
  readonly number: string;
  readonly firstName?: string;
  readonly lastName?: string;
  /** Devices beside the main one. */
  readonly devices?: readonly DeviceOptions[];
  /** @default the first node */
  readonly nodeId?: number;
  readonly agent?: AgentOptions;
  readonly voicemail?: Representation<'Voicemail'>;
  readonly externalLogin?: string;
  /** @default the simulator's `userPassword` */
  readonly password?: string;
}

/** An ACD pilot: calls to its number are queued and distributed to the agents of a processing group. */
export interface Pilot {
  readonly number: string;
  readonly pgNumber: string;
}

/** The pilot of the default population's agents. */
export const PILOTS: readonly Pilot[] = [{ number: '60141', pgNumber: '32000' }];

/** A range no larger than this: a typing mistake should not make a hundred million users. */
const MAX_RANGE_NUMBERS = 200_000;

/**
 * The users that numbers and ranges mean: `70120`, `70000-70099`, `8:71000-71099` for those of node 8. Leading zeros are kept.
 * @throws RangeError for a range that is none, upside down, or longer than 200,000
 */
export function usersOf(devices: readonly (string | UserOptions)[]): UserOptions[] {
  return devices.flatMap((entry) =>
    typeof entry === 'string' ? entry.split(',').flatMap(usersOfPart) : [entry],
  );
}

function usersOfPart(part: string): UserOptions[] {
  const [, nodeId, numbers] = /^\s*(\d+):(.*)$/.exec(part) ?? [];
  return numbersOf(numbers ?? part).map((number) =>
    nodeId === undefined ? { number } : { number, nodeId: Number(nodeId) },
  );
}

/** The numbers of a list such as `70000-70099,70120`. Errors as `usersOf`. */
export function numbersOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap(numbersOfPart);
}

function numbersOfPart(part: string): string[] {
  if (/^[0-9*#]+$/.test(part)) return [part];
  const [, first, last] = /^(\d+)-(\d+)$/.exec(part) ?? [];
  if (first === undefined || last === undefined)
    throw new RangeError(`'${part}' is neither a number nor a range such as 70000-70099`);
  const count = Number(last) - Number(first) + 1;
  if (count < 1 || count > MAX_RANGE_NUMBERS)
    throw new RangeError(
      `the range '${part}' must run upwards and hold at most ${MAX_RANGE_NUMBERS} numbers`,
    );
  return Array.from({ length: count }, (_, index) =>
    String(Number(first) + index).padStart(first.length, '0'),
  );
}

const NAMED_USERS: readonly UserOptions[] = [
  { number: '70100', firstName: 'Noémie', lastName: 'Lefèvre', subType: 'NOE_C_Color_IP' },
  { number: '70101', firstName: 'Ελένη', lastName: 'Παπαδοπούλου', subType: 'NOE_C_COLOR_IP_8068' },
  { number: '70102', firstName: '美咲', lastName: '佐藤', subType: 'ALE-300', externalLogin: 'misaki.sato' },
  {
    number: '70120',
    firstName: 'Paul',
    lastName: 'Brennan',
    subType: 'NOE_C_Color_IP',
    voicemail: { number: '70900', type: 'VM_4645' },
  },
  {
    number: '70123',
    firstName: 'Alice',
    lastName: 'Martin',
    externalLogin: 'alice.martin',
    devices: [{ id: '70124', type: 'DECT', subType: 'DECT' }],
  },
  {
    number: '70130',
    firstName: 'Björn',
    lastName: 'Åkesson',
    devices: [{ id: '70131', type: 'SOFTPHONE', subType: 'SIP_Extension' }],
  },
  { number: '70140', firstName: 'Desk', lastName: 'One', subType: 'NOE_B_IP_8028s' },
  {
    number: '70141',
    firstName: 'Carla',
    lastName: 'Ruiz',
    agent: { proAcdDeviceNumber: '70140', pgNumber: '32000' },
  },
  { number: '70142', firstName: 'Desk', lastName: 'Two', subType: 'NOE_B_IP_8028s' },
  {
    number: '70143',
    firstName: 'Deniz',
    lastName: 'Yılmaz',
    agent: { proAcdDeviceNumber: '70142', pgNumber: '32000' },
  },
  {
    number: '70144',
    firstName: 'Emma',
    lastName: 'Novak',
    agent: { proAcdDeviceNumber: '70142', pgNumber: '32000', loggedOn: false },
  },
  { number: '70190', firstName: 'Fax', lastName: 'Machine', subType: 'ANALOG', ip: false },
];

/** Numbers that are the second device of somebody, so not users of their own. */
const SECONDARY_NUMBERS = new Set(NAMED_USERS.flatMap((user) => (user.devices ?? []).map(({ id }) => id)));

/**
 * The default population: 70000-70199 on the first node with names, multi-device users, agents and an analogue set among
 * them; on every further node a hundred plain users, 71000-71099 on the second, 72000-72099 on the third.
 */
export function defaultPopulation(nodeIds: readonly number[]): UserOptions[] {
  const named = new Map(NAMED_USERS.map((user) => [user.number, user]));
  const first = numbersOf('70000-70199')
    .filter((number) => !SECONDARY_NUMBERS.has(number))
    .map((number) => named.get(number) ?? { number });
  const others = nodeIds.slice(1).flatMap((nodeId, index) => {
    const base = 71_000 + index * 1000;
    return numbersOf(`${base}-${base + 99}`).map((number): UserOptions => ({ number, nodeId }));
  });
  return [...first, ...others];
}
