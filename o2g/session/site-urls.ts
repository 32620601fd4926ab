/**
 * Which host is spoken to. O2G names hosts in its answers (public and private URLs, the polling URL); credentials go to none that the user
 * did not type or consent to. This is the only place that decides it, and that absorbs how servers write URLs.
 */
import { DeniedError, O2GError, invalid } from '../spec';

/**
 * `typed`: always the typed origin, the server's answers give paths and the channel's port.
 * `private`, `public`: the hosts that the server names; `auto`: its private ones if they can be reached, else its public ones.
 */
export type Access = 'typed' | 'private' | 'public' | 'auto';
/** What is left of `auto` once it was tried. */
export type ResolvedAccess = Exclude<Access, 'auto'>;

/** The two URLs of one thing, as the server answers them. */
export interface OfferedUrls {
  readonly public?: string | undefined;
  readonly private?: string | undefined;
}

/**
 * Reads the address that the user typed.
 * @throws O2GError `INVALID_INPUT`
 */
export function readServerUrl(field: string, value: unknown): URL {
  const rule = 'an address such as https://o2g.example.com or https://o2g.example.com:8443';
  if (typeof value !== 'string' || !URL.canParse(value.trim())) throw invalid(field, value, rule);
  const url = new URL(value.trim());
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw invalid(field, value, `${rule} (http or https)`);
  if (url.username !== '' || url.password !== '')
    throw invalid(field, url.host, 'without login and password: these belong in the credentials');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw invalid(field, value, `${rule}, without a path`);
  return url;
}

/**
 * The URL to use for something the server offered.
 * @throws O2GError `REFUSED` when it offers none, or only http after https was typed
 */
export function chooseUrl(typed: URL, access: ResolvedAccess, offered: OfferedUrls): URL {
  const text: unknown =
    access === 'public' ? (offered.public ?? offered.private) : (offered.private ?? offered.public);
  if (typeof text !== 'string' || !URL.canParse(text, typed.origin)) {
    throw new O2GError('REFUSED', `O2G at ${typed.host} answered without a usable address`);
  }
  const url = new URL(text, typed.origin);
  url.pathname = url.pathname.replace(/\/{2,}/g, '/');
  return access === 'typed' ? new URL(url.pathname + url.search, typed.origin) : rejectDowngrade(typed, url);
}

/**
 * The URL of the event channel.
 * @param eventPort the user's word for its port, 1..65535; undefined: the port that the server names for the scheme in use
 * @throws O2GError `REFUSED`
 */
export function chooseChannelUrl(
  typed: URL,
  access: ResolvedAccess,
  offered: OfferedUrls,
  eventPort: number | undefined,
): URL {
  if (access !== 'typed') {
    const url = chooseUrl(typed, access, offered);
    if (eventPort !== undefined) url.port = String(eventPort);
    return url;
  }
  const candidates = [offered.private, offered.public].flatMap((text: unknown) =>
    typeof text === 'string' && URL.canParse(text, typed.origin) ? [new URL(text, typed.origin)] : [],
  );
  const sameScheme = candidates.find(({ protocol }) => protocol === typed.protocol);
  const path = sameScheme ?? candidates[0];
  if (!path)
    throw new O2GError(
      'REFUSED',
      `O2G at ${typed.host} accepted the subscription without naming its event channel`,
    );
  if (!sameScheme && eventPort === undefined) {
    const offers = path.protocol.slice(0, -1);
    throw new DeniedError(
      'REFUSED',
      `O2G offers its event channel over ${offers} only (port ${portOf(path)}), but its address was typed with ${typed.protocol.slice(0, -1)}: give the event port, 8016 for https or 8014 for http as a rule`,
    );
  }
  const url = new URL(path.pathname + path.search, typed.origin);
  url.port = String(eventPort ?? portOf(path));
  return url;
}

function rejectDowngrade(typed: URL, url: URL): URL {
  if (typed.protocol === 'https:' && url.protocol !== 'https:') {
    throw new DeniedError(
      'REFUSED',
      `O2G names the address ${url.origin}, but https was typed: nothing is sent there without encryption`,
    );
  }
  return url;
}

function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}
