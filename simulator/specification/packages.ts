/** Event packages and their events. Events that only other configurations raise are not listed: nothing here sends them. */
const PACKAGES = {
  telephony: [
    'OnCallCreated',
    'OnCallModified',
    'OnCallRemoved',
    'OnDeviceStateModified',
    'OnTelephonyState',
    'OnUserStateModified',
  ],
  user: ['OnUserInfoChanged'],
  userManagement: ['OnUserCreated', 'OnUserDeleted'],
  agent: ['OnAgentStateChanged'],
  system: ['OnCtiLinkDown', 'OnCtiLinkUp', 'OnServerStart'],
  // Named by the specification's own examples of subscriptions; a Recording-only server has no event for them.
  eventSummary: [],
  pilot: [],
  rsi: [],
} as const;

export type PackageName = keyof typeof PACKAGES;

const PACKAGE_OF_EVENT = new Map<string, PackageName>();
const EVENTS_OF_PACKAGE = new Map<string, readonly string[]>(Object.entries(PACKAGES));
for (const [name, events] of EVENTS_OF_PACKAGE)
  for (const event of events) PACKAGE_OF_EVENT.set(event, name as PackageName);

/** Packages whose selectors need no ids: their events concern no single user ("no control on the ids"). */
export const PACKAGES_WITHOUT_IDS: ReadonlySet<PackageName> = new Set<PackageName>([
  'userManagement',
  'system',
]);

/** The package that a selector's name means, whether it is a package's or an event's name. */
export const packageOf = (name: string): PackageName | undefined =>
  EVENTS_OF_PACKAGE.has(name) ? (name as PackageName) : PACKAGE_OF_EVENT.get(name);

/** The events that a selector's name stands for: those of the package, or the event itself. */
export const eventsOf = (name: string): readonly string[] => EVENTS_OF_PACKAGE.get(name) ?? [name];
