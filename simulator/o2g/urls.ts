import type { AnnouncedUrls } from '../settings';

const WILDCARD_ADDRESSES = new Set(['0.0.0.0', '::', '']);

/** The URLs that answers give: where the server listens, or where it was told to say that it is reached. */
export class Urls {
  readonly #listening: {
    readonly secure: boolean;
    readonly host: string;
    restPort(): number;
    eventPort(): number;
  };
  /** May be changed at any time; answers given from then on follow. */
  announced: AnnouncedUrls;

  constructor(
    listening: {
      readonly secure: boolean;
      readonly host: string;
      restPort(): number;
      eventPort(): number;
    },
    announced: AnnouncedUrls,
  ) {
    this.#listening = listening;
    this.announced = announced;
  }

  /** Prefix of the REST port's URLs. @param hostHeader of the request: how this client names a server that listens everywhere */
  rest(access: 'public' | 'private', hostHeader?: string): string {
    const announced = access === 'public' ? this.announced.publicRest : this.announced.privateRest;
    return announced ?? this.#prefix(this.#listening.restPort(), hostHeader);
  }

  /** Prefix of the event channel's URLs. */
  events(access: 'public' | 'private', hostHeader?: string): string {
    const announced = access === 'public' ? this.announced.publicEvents : this.announced.privateEvents;
    return announced ?? this.#prefix(this.#listening.eventPort(), hostHeader);
  }

  #prefix(port: number, hostHeader: string | undefined): string {
    const { host, secure } = this.#listening;
    const clientHost = hostHeader?.replace(/:\d+$/, '') ?? '127.0.0.1';
    const reachableHost = WILDCARD_ADDRESSES.has(host) ? clientHost : host.includes(':') ? `[${host}]` : host;
    return `${secure ? 'https' : 'http'}://${reachableHost}:${port}`;
  }
}
