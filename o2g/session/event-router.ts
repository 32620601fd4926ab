/** Routes the events of the one subscription to those who asked for them. */
import { CHANNEL_INFORMATION, packageOf, type O2GEvent, type Selector } from '../spec';

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
const REMEMBERED_NAMES = 200;

/** The routes of one event name. */
interface Way {
  readonly routes: readonly Route[];
  /** The takers, when they are the same for every login; else undefined. */
  readonly all: readonly Interest[] | undefined;
}

/** Finds the takers of an event by maps, not by trying every selector on it. */
export class Routes {
  readonly #interests: Iterable<Interest>;
  readonly #byEvent = new Map<string, Way>();

  constructor(interests: Iterable<Interest>) {
    this.#interests = interests;
  }

  /** The takers of an event, each once. */
  of(event: O2GEvent): readonly Interest[] {
    let way = this.#byEvent.get(event.eventName);
    if (!way) {
      way = this.#wayOf(event.eventName);
      if (this.#byEvent.size < REMEMBERED_NAMES) this.#byEvent.set(event.eventName, way);
    }
    if (way.all) return way.all;
    const login = loginOf(event);
    return way.routes
      .filter(({ logins }) => logins === undefined || login === undefined || logins.has(login))
      .map(({ interest }) => interest);
  }

  #wayOf(eventName: string): Way {
    const routes = this.#routesOf(eventName);
    return {
      routes,
      all: routes.every(({ logins }) => logins === undefined)
        ? routes.map(({ interest }) => interest)
        : undefined,
    };
  }

  #routesOf(eventName: string): readonly Route[] {
    const own = eventName === CHANNEL_INFORMATION ? undefined : packageOf(eventName);
    // userManagement and system know no ids: their events go to everybody who asked for them.
    const personal = own !== 'userManagement' && own !== 'system';
    return [...this.#interests].flatMap((interest) => {
      const matching = interest.selectors.filter(
        ({ names }) => names.includes(eventName) || (own !== undefined && names.includes(own)),
      );
      if (matching.length === 0) return [];
      const all = !personal || matching.some(({ ids }) => !ids || ids.length === 0 || ids.includes('*'));
      return [{ interest, logins: all ? undefined : new Set(matching.flatMap(({ ids }) => ids ?? [])) }];
    });
  }
}

function loginOf(event: O2GEvent): string | undefined {
  return typeof event.loginName === 'string' ? event.loginName : undefined;
}
