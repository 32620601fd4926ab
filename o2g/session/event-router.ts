/** Routes the events of the one subscription to those who asked for them. */
import { CHANNEL_INFORMATION_EVENT, packageOf, type O2GEvent, type Selector } from '../spec';

/** Who gets which events: what a node asked for, and how it is given them. */
export interface Interest {
  readonly selectors: readonly Selector[];
  deliver(event: O2GEvent, receivedAt: number): void;
}

interface Route {
  /** Undefined: everybody's. */
  readonly logins: ReadonlySet<string> | undefined;
  readonly interest: Interest;
}

/** Far more names than O2G has: a server that makes up new ones for ever doesn't fill the memory. */
const MAX_CACHED_EVENT_NAMES = 200;

/** The routes of one event name. */
interface RouteSet {
  readonly routes: readonly Route[];
  /** The takers, when they are the same for every login; else undefined. */
  readonly sharedRecipients: readonly Interest[] | undefined;
}

/** Finds the takers of an event by maps, not by trying every selector on it. */
export class EventRouter {
  readonly #interests: Iterable<Interest>;
  readonly #routesByEvent = new Map<string, RouteSet>();

  constructor(interests: Iterable<Interest>) {
    this.#interests = interests;
  }

  /** The takers of an event, each once. */
  recipientsOf(event: O2GEvent): readonly Interest[] {
    let routeSet = this.#routesByEvent.get(event.eventName);
    if (!routeSet) {
      routeSet = this.#routeSetOf(event.eventName);
      if (this.#routesByEvent.size < MAX_CACHED_EVENT_NAMES)
        this.#routesByEvent.set(event.eventName, routeSet);
    }
    if (routeSet.sharedRecipients) return routeSet.sharedRecipients;
    const login = loginOf(event);
    return routeSet.routes
      .filter(({ logins }) => logins === undefined || login === undefined || logins.has(login))
      .map(({ interest }) => interest);
  }

  #routeSetOf(eventName: string): RouteSet {
    const routes = this.#routesOf(eventName);
    return {
      routes,
      sharedRecipients: routes.every(({ logins }) => logins === undefined)
        ? routes.map(({ interest }) => interest)
        : undefined,
    };
  }

  #routesOf(eventName: string): readonly Route[] {
    const eventPackage = eventName === CHANNEL_INFORMATION_EVENT ? undefined : packageOf(eventName);
    // userManagement and system know no ids: their events go to everybody who asked for them.
    const isPerUser = eventPackage !== 'userManagement' && eventPackage !== 'system';
    return [...this.#interests].flatMap((interest) => {
      const matching = interest.selectors.filter(
        ({ names }) =>
          names.includes(eventName) || (eventPackage !== undefined && names.includes(eventPackage)),
      );
      if (matching.length === 0) return [];
      const all = !isPerUser || matching.some(({ ids }) => !ids || ids.length === 0 || ids.includes('*'));
      return [{ interest, logins: all ? undefined : new Set(matching.flatMap(({ ids }) => ids ?? [])) }];
    });
  }
}

function loginOf(event: O2GEvent): string | undefined {
  return typeof event.loginName === 'string' ? event.loginName : undefined;
}
