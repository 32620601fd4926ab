/**
 * Event packages and their events (Subscription management, Presentation; newer ones are known from shipped clients), and the filter of the
 * one subscription.
 */
import { invalid } from './validation';
import type { Representation } from './representations';

export type Selector = Representation<'Selector'>;
export type Filter = Representation<'Filter'>;

export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  telephony: [
    'OnCallCreated',
    'OnCallModified',
    'OnCallRemoved',
    'OnUserStateModified',
    'OnTelephonyState',
    'OnDeviceStateModified',
    'OnDynamicStateChanged',
  ],
  user: ['OnUserInfoChanged'],
  userManagement: ['OnUserCreated', 'OnUserDeleted'],
  agent: [
    'OnAgentStateChanged',
    'OnAgentSkillChanged',
    'OnSupervisorHelpRequested',
    'OnSupervisorHelpCancelled',
  ],
  system: [
    'OnCtiLinkDown',
    'OnCtiLinkUp',
    'OnServerStart',
    'OnPbxLoaded',
    'OnLicenseExpiration',
    'OnPbxLinkDown',
    'OnPbxLinkUp',
    'OnRemoteServerLinkDown',
    'OnRemoteServerLinkUp',
  ],
};

const PACKAGE_BY_EVENT: ReadonlyMap<string, string> = new Map(
  Object.entries(PACKAGES).flatMap(([name, events]) => events.map((event) => [event, name])),
);

/** Names that tell the package of an event which came after the specification. */
const PACKAGE_BY_PREFIX = [
  ['OnCall', 'telephony'],
  ['OnTelephony', 'telephony'],
  ['OnDevice', 'telephony'],
  ['OnAgent', 'agent'],
  ['OnSupervisor', 'agent'],
  ['OnUser', 'user'],
  ['OnCti', 'system'],
  ['OnPbx', 'system'],
  ['OnServer', 'system'],
  ['OnLicense', 'system'],
] as const;

/** The event package of an event, also of one newer than the specification; undefined when nothing tells. */
export function packageOf(eventName: string): string | undefined {
  return (
    PACKAGE_BY_EVENT.get(eventName) ?? PACKAGE_BY_PREFIX.find(([prefix]) => eventName.startsWith(prefix))?.[1]
  );
}

/** Told by the channel itself, always sent and not to be subscribed to. */
export const CHANNEL_INFORMATION_EVENT = 'OnChannelInformation';

/**
 * Reads selectors as a flow gives them: a list of {names, ids}; `ids` may be left out.
 * @throws O2GError `INVALID_INPUT`
 */
export function readSelectors(value: unknown): Selector[] {
  if (!Array.isArray(value))
    throw invalid('selectors', value, 'a list such as [{"names": ["telephony"], "ids": ["oxe70120"]}]');
  return value.map((selector: unknown) => {
    if (typeof selector !== 'object' || selector === null)
      throw invalid('selectors', selector, 'a list of {names, ids}');
    const { names, ids } = selector as Record<string, unknown>;
    if (!isStringArray(names) || names.length === 0)
      throw invalid('names', names, 'a list of event names or event packages');
    if (ids !== undefined && !isStringArray(ids))
      throw invalid('ids', ids, 'a list of login names; empty or "*" for all');
    return { names: [...names], ids: ids ? [...ids] : [] };
  });
}

function isStringArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '');
}

/** Whose subscription it is: an administrator names ids, a user session doesn't; `undefined` when the server doesn't say. */
export type Rights = 'administrator' | 'user' | undefined;

/** What the palette itself needs, whatever the nodes ask for; only an administrator may subscribe to `system`. */
const PALETTE_EXTRAS: Readonly<Record<'administrator' | 'user', readonly string[]>> = {
  administrator: ['telephony', 'system'],
  user: ['telephony'],
};
/** Packages that aren't about users: some servers refuse ids for them. */
const WITHOUT_USERS: ReadonlySet<string> = new Set(['system', 'userManagement']);

/** A filter to subscribe with, and what is missing in it of what was requested, in words; empty when nothing is. */
export interface FilterAttempt {
  readonly filter: Filter;
  readonly missing: string;
}

/**
 * Returns the filters of the session's one subscription in the order in which they are tried when the server refuses one: everything
 * that was requested first, then ever less of what a server may refuse, telephony alone at last.
 */
export function filterLadder(selectors: Iterable<Selector>, rights: Rights): FilterAttempt[] {
  const requested = [...selectors].flatMap(({ names }) => names);
  const known = requested.filter((name) => PACKAGES[name] !== undefined || PACKAGE_BY_EVENT.has(name));
  const extras = PALETTE_EXTRAS[rights ?? 'administrator'];
  const withIds = rights !== 'user';
  const attempts: FilterAttempt[] = [
    { filter: filterOf([...requested, ...extras], withIds ? everyId : noId), missing: '' },
    {
      filter: filterOf([...known, ...extras], withIds ? everyId : noId),
      missing: 'event names that the specification does not have',
    },
    {
      filter: filterOf([...known, ...extras], withIds ? idOfUsers : noId),
      missing: requested.length === known.length ? '' : 'event names that the specification does not have',
    },
    {
      filter: filterOf([...known, 'telephony'], withIds ? idOfUsers : noId),
      missing: 'events of the system',
    },
    { filter: filterOf(['telephony'], withIds ? everyId : noId), missing: 'everything but telephony' },
    { filter: filterOf(['telephony'], noId), missing: 'everything but telephony' },
  ];
  const seen = new Set<string>();
  return attempts.filter(({ filter }) => {
    const text = JSON.stringify(filter);
    return seen.size < seen.add(text).size;
  });
}

/** One selector a package (mixing packages in a selector is forbidden), single events only where their package isn't asked for as a whole. */
function filterOf(names: Iterable<string>, idsOf: (packageName: string) => string[] | undefined): Filter {
  const requested = new Set(names);
  requested.delete(CHANNEL_INFORMATION_EVENT);
  const byPackage = new Map<string, string[]>();
  for (const name of [...requested].sort()) {
    const packageName = PACKAGES[name] ? name : (PACKAGE_BY_EVENT.get(name) ?? name);
    if (packageName !== name && requested.has(packageName)) continue;
    const inPackage = byPackage.get(packageName);
    if (inPackage) inPackage.push(name);
    else byPackage.set(packageName, [name]);
  }
  return {
    selectors: [...byPackage].map(([packageName, inPackage]) => {
      const ids = idsOf(packageName);
      return ids ? { ids, names: inPackage } : { names: inPackage };
    }),
  };
}

/** All users: one login that the server doesn't know would refuse the whole list. */
const everyId = (): string[] => ['*'];
const noId = (): undefined => undefined;
const idOfUsers = (packageName: string): string[] | undefined =>
  WITHOUT_USERS.has(packageName) ? undefined : ['*'];
