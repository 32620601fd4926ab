import {
  eventsOf,
  packageOf,
  PACKAGES_WITHOUT_IDS,
  Refusal,
  violation,
  type Representation,
} from '../specification';

export type Filter = Representation<'Filter'>;
type Selector = Representation<'Selector'>;

/** Who subscribes: what a filter may ask for depends on it. */
export interface Subscriber {
  readonly administrator: boolean;
  readonly login: string;
}

/** A filter that can't be accepted although it is well formed: the answer is a Subscription with status REFUSED. */
export class RefusedFilter extends Error {
  override readonly name = 'RefusedFilter';
}

/**
 * Checks a filter against the rules in the text of "Subscription management".
 * @throws Refusal when the rules are broken; RefusedFilter for a name or a login that the server doesn't know
 */
export function checkFilter(
  filter: Filter,
  subscriber: Subscriber,
  isKnownUser: (login: string) => boolean,
): void {
  (filter.selectors ?? []).forEach((selector, index) => {
    checkSelector(selector, `selectors[${index}]`, subscriber, isKnownUser);
  });
}

function checkSelector(
  selector: Selector,
  path: string,
  subscriber: Subscriber,
  isKnownUser: (login: string) => boolean,
): void {
  const packages = new Set(
    selector.names.map((name) => {
      if (name === '') throw violation(400, 'BAD_PARAMETER', `${path}.names: the name can't be empty`);
      const packageName = packageOf(name);
      if (!packageName) throw new RefusedFilter(`Unknown event or event package: ${name}`);
      return packageName;
    }),
  );
  if (packages.size > 1) {
    throw violation(
      400,
      'BAD_PARAMETER',
      `${path}.names: ${[...packages].join(' and ')} are different packages: different selectors must be used`,
    );
  }
  const [name] = packages;
  if (name !== undefined && !PACKAGES_WITHOUT_IDS.has(name))
    checkIds(selector.ids ?? [], path, subscriber, isKnownUser);
}

function checkIds(
  ids: readonly string[],
  path: string,
  subscriber: Subscriber,
  isKnownUser: (login: string) => boolean,
): void {
  if (!subscriber.administrator) {
    const otherLogin = ids.find((id) => id !== subscriber.login);
    if (otherLogin !== undefined)
      throw new Refusal(403, 'NOT_ALLOWED', `${path}.ids: ${otherLogin} is not the session's user`, {
        violation: true,
      });
    return;
  }
  if (ids.length === 0)
    throw violation(
      400,
      'BAD_PARAMETER',
      `${path}.ids: an administrator must provide at least one identifier`,
    );
  const unknown = ids.find((id) => id !== '*' && !isKnownUser(id));
  if (unknown !== undefined) throw new RefusedFilter(`Unknown user: ${unknown}`);
}

const EVERYONE = 'everyone';

/** A filter made ready for matching events: event name → whose events are wanted. */
export type CompiledFilter = ReadonlyMap<string, ReadonlySet<string> | typeof EVERYONE>;

/** Compiles a checked filter. A user's session gets the events of its own user, whatever the ids say. */
export function compileFilter(filter: Filter, subscriber: Subscriber): CompiledFilter {
  const compiled = new Map<string, Set<string> | typeof EVERYONE>();
  for (const { names, ids } of filter.selectors ?? []) {
    for (const name of names) {
      const packageName = packageOf(name);
      const withoutIds = packageName !== undefined && PACKAGES_WITHOUT_IDS.has(packageName);
      const logins =
        withoutIds || (subscriber.administrator && ids?.includes('*'))
          ? EVERYONE
          : subscriber.administrator
            ? (ids ?? [])
            : [subscriber.login];
      for (const event of eventsOf(name)) compiled.set(event, union(compiled.get(event), logins));
    }
  }
  return compiled;
}

function union(
  present: Set<string> | typeof EVERYONE | undefined,
  logins: readonly string[] | typeof EVERYONE,
): Set<string> | typeof EVERYONE {
  if (present === EVERYONE || logins === EVERYONE) return EVERYONE;
  return new Set([...(present ?? []), ...logins]);
}

/** Whether an event passes. Events that belong to no package here pass always: they stand for those of a later edition. */
export function matchesFilter(filter: CompiledFilter, eventName: string, login: string | undefined): boolean {
  const logins = filter.get(eventName);
  if (logins === undefined) return packageOf(eventName) === undefined;
  return logins === EVERYONE || login === undefined || logins.has(login);
}
