import {
  eventsNamed,
  packageOf,
  WITHOUT_IDS,
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
  knowsUser: (login: string) => boolean,
): void {
  (filter.selectors ?? []).forEach((selector, index) => {
    checkSelector(selector, `selectors[${index}]`, subscriber, knowsUser);
  });
}

function checkSelector(
  selector: Selector,
  path: string,
  subscriber: Subscriber,
  knowsUser: (login: string) => boolean,
): void {
  const packages = new Set(
    selector.names.map((name) => {
      if (name === '') throw violation(400, 'BAD_PARAMETER', `${path}.names: the name can't be empty`);
      const found = packageOf(name);
      if (!found) throw new RefusedFilter(`Unknown event or event package: ${name}`);
      return found;
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
  if (name !== undefined && !WITHOUT_IDS.has(name)) checkIds(selector.ids ?? [], path, subscriber, knowsUser);
}

function checkIds(
  ids: readonly string[],
  path: string,
  subscriber: Subscriber,
  knowsUser: (login: string) => boolean,
): void {
  if (!subscriber.administrator) {
    const foreign = ids.find((id) => id !== subscriber.login);
    if (foreign !== undefined)
      throw new Refusal(403, 'NOT_ALLOWED', `${path}.ids: ${foreign} is not the session's user`, {
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
  const unknown = ids.find((id) => id !== '*' && !knowsUser(id));
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
      const found = packageOf(name);
      const withoutIds = found !== undefined && WITHOUT_IDS.has(found);
      const wanted =
        withoutIds || (subscriber.administrator && ids?.includes('*'))
          ? EVERYONE
          : subscriber.administrator
            ? (ids ?? [])
            : [subscriber.login];
      for (const event of eventsNamed(name)) compiled.set(event, union(compiled.get(event), wanted));
    }
  }
  return compiled;
}

function union(
  present: Set<string> | typeof EVERYONE | undefined,
  wanted: readonly string[] | typeof EVERYONE,
): Set<string> | typeof EVERYONE {
  if (present === EVERYONE || wanted === EVERYONE) return EVERYONE;
  return new Set([...(present ?? []), ...wanted]);
}

/** Whether an event passes. Events that belong to no package here pass always: they stand for those of a later edition. */
export function passes(filter: CompiledFilter, eventName: string, login: string | undefined): boolean {
  const wanted = filter.get(eventName);
  if (wanted === undefined) return packageOf(eventName) === undefined;
  return wanted === EVERYONE || login === undefined || wanted.has(login);
}
