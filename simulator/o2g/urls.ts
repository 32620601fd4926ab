import type { AnnouncedUrls } from '../settings';

const WILDCARDS = new Set(['0.0.0.0', '::', '']);

/** The URLs that answers give: where the server listens, or where it was told to say that it is reached. */
export class Urls {
  /** May be changed at any time; answers given from then on follow. */
  announced: AnnouncedUrls;

  constructor(
    private readonly listening: {
      readonly secure: boolean;
      readonly host: string;
      restPort(): number;
      eventPort(): number;
    },
    announced: AnnouncedUrls,
  ) {
    this.announced = announced;
  }

  /** Prefix of the REST port's URLs. @param hostHeader of the request: how this client names a server that listens everywhere */
  rest(access: 'public' | 'private', hostHeader?: string): string {
    const announced = access === 'public' ? this.announced.publicRest : this.announced.privateRest;
    return announced ?? this.prefix(this.listening.restPort(), hostHeader);
  }

  /** Prefix of the event channel's URLs. */
  events(access: 'public' | 'private', hostHeader?: string): string {
    const announced = access === 'public' ? this.announced.publicEvents : this.announced.privateEvents;
    return announced ?? this.prefix(this.listening.eventPort(), hostHeader);
  }

  private prefix(port: number, hostHeader: string | undefined): string {
    const { host, secure } = this.listening;
    const named = hostHeader?.replace(/:\d+$/, '') ?? '127.0.0.1';
    const reachable = WILDCARDS.has(host) ? named : host.includes(':') ? `[${host}]` : host;
    return `${secure ? 'https' : 'http'}://${reachable}:${port}`;
  }
}
