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

/**
 * The filter of the session's one subscription: everything that anybody asked for, one selector a package (mixing packages in a selector is
 * forbidden), single events only where their package isn't asked for as a whole.
 * @param admin an administrator must name ids, and says "*": one login that the server doesn't know would refuse the whole list;
 *   a user session sends none
 */
export function unionFilter(selectors: Iterable<Selector>, admin: boolean): Filter {
  const requested = new Set(['telephony', 'system']);
  for (const { names } of selectors) for (const name of names) requested.add(name);
  requested.delete(CHANNEL_INFORMATION_EVENT);
  const byPackage = new Map<string, string[]>();
  for (const name of [...requested].sort()) {
    const eventPackage = PACKAGES[name] ? name : (PACKAGE_BY_EVENT.get(name) ?? name);
    if (eventPackage !== name && requested.has(eventPackage)) continue;
    const names = byPackage.get(eventPackage);
    if (names) names.push(name);
    else byPackage.set(eventPackage, [name]);
  }
  return { selectors: [...byPackage.values()].map((names) => (admin ? { ids: ['*'], names } : { names })) };
}

/** The names that the specification knows: a server may refuse everything for one that it doesn't know. */
export function specifiedSelectors(selectors: Iterable<Selector>): Selector[] {
  return [...selectors].map(({ names, ...rest }) => ({
    ...rest,
    names: names.filter((name) => PACKAGES[name] !== undefined || PACKAGE_BY_EVENT.has(name)),
  }));
}
