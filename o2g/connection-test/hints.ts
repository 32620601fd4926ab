/** What to know or to do about a step of a trial: from an error, or from what the server said, to the key of a sentence. */
import { onlyObjects, type Access, type OfferedUrls } from '../session';
import { DeniedError, type O2GError, type Representation } from '../spec';
import type { Step } from './steps';

const TLS_HINTS = ['untrusted', 'otherName', 'expired', 'tlsFailed'] as const;
type TlsHint = (typeof TLS_HINTS)[number];

export type Hint =
  | TlsHint
  /** Of the way to the server. */
  | 'unknownHost'
  | 'portClosed'
  | 'noRoute'
  | 'noAnswer'
  | 'wrongScheme'
  | 'plain'
  | 'unverified'
  /** Of the server's answers. */
  | 'notO2G'
  | 'redirected'
  | 'notReady'
  | 'wrongPassword'
  | 'notAllowed'
  | 'noAdmin'
  | 'foreignAddress'
  /** Of the event channel. */
  | 'subscriptionRefused'
  | 'channelAddress'
  | 'channelPort'
  | 'channelRefused'
  | 'webhook'
  /** Of the system. */
  | 'noNodes'
  | 'nodesDown'
  | 'noLicence'
  | 'licencesUsed'
  | 'licenceTrouble';

const BY_CODE: Readonly<Record<string, Hint>> = {
  ENOTFOUND: 'unknownHost',
  EAI_AGAIN: 'unknownHost',
  ECONNREFUSED: 'portClosed',
  EHOSTUNREACH: 'noRoute',
  ENETUNREACH: 'noRoute',
  ETIMEDOUT: 'noAnswer',
  ECONNRESET: 'wrongScheme',
  EPROTO: 'wrongScheme',
  HPE_INVALID_CONSTANT: 'wrongScheme',
  ERR_TLS_CERT_ALTNAME_INVALID: 'otherName',
  CERT_HAS_EXPIRED: 'expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted',
};

export function isTlsHint(hint: Hint | undefined): hint is TlsHint {
  return (TLS_HINTS as readonly (string | undefined)[]).includes(hint);
}

/** The note of a request that failed at a step. */
export function requestHint(error: O2GError, step: Step, site: URL, access: Access): Hint | undefined {
  if (error instanceof DeniedError && step === 'login') return 'wrongPassword';
  if (error.code === 'REFUSED') return 'foreignAddress';
  if (error.code === 'NOT_READY') return 'notReady';
  if (error.code === 'NOT_ALLOWED') return 'notAllowed';
  if (error.code === 'TIMEOUT') return step === 'name' ? 'unknownHost' : 'noAnswer';
  if (error.code === 'NOT_CONNECTED' && (step === 'name' || step === 'port'))
    return connectionHint(error, site);
  // After the first answer only another address can be wrong; else the connection was lost, and the error says it.
  if (error.code === 'NOT_CONNECTED') return access === 'typed' ? undefined : 'foreignAddress';
  if (/^30\d$/.test(httpStatusOf(error))) return 'redirected';
  return step === 'descriptor' || step === 'login' ? 'notO2G' : undefined;
}

/**
 * The note of an event channel that didn't open.
 * @param offered what the server named, undefined when it hadn't come to that
 * @param url what was tried
 */
export function channelHint(error: O2GError, offered: OfferedUrls | undefined, url: URL | undefined): Hint {
  if (error.code === 'NOT_READY') return 'notReady';
  if (offered === undefined) return 'subscriptionRefused';
  if (url === undefined) return 'channelAddress';
  if (error.code === 'REFUSED') return 'channelRefused';
  const hint = connectionHint(error, url);
  if (isTlsHint(hint)) return hint;
  const named = [offered.private, offered.public].flatMap((text) =>
    text !== undefined && URL.canParse(text) ? [new URL(text).hostname] : [],
  );
  return named.length > 0 && !named.includes(url.hostname) ? 'foreignAddress' : 'channelPort';
}

/** The note of what SystemStatus says of licences: which one recording needs is told nowhere, that none is there is plain. */
export function licenceHint(license: Representation<'LicenseStatus'> | undefined): Hint | undefined {
  const licences = onlyObjects(license?.lics).filter(({ total }) => total !== 0);
  if (licences.length === 0) return 'noLicence';
  // Only a server with the LMS tells more.
  if (license?.status !== undefined && license.status !== '' && license.status !== 'NORMAL')
    return 'licenceTrouble';
  return licences.some(({ total, currentUsed = 0 }) => total !== undefined && currentUsed >= total)
    ? 'licencesUsed'
    : undefined;
}

function connectionHint({ cause }: O2GError, { protocol }: URL): Hint | undefined {
  const code = cause && 'code' in cause ? String(cause.code) : '';
  return (
    BY_CODE[code] ??
    (code.startsWith('ERR_SSL')
      ? 'wrongScheme'
      : protocol === 'https:' && code !== ''
        ? 'tlsFailed'
        : undefined)
  );
}

function httpStatusOf({ cause }: O2GError): string {
  return cause && 'httpStatus' in cause ? String(cause.httpStatus) : '';
}
