import type { Exchange, Oxe } from './oxe';
import type { Journal } from './journal';
import type { DrLinks, RtpPlayer } from './recording';
import type { Settings } from './settings';
import type { Sessions, Subscriptions, Urls } from './o2g';

/** The parts of a simulator, as its request handlers, faults and observers see them. */
export interface World {
  readonly settings: Settings;
  readonly journal: Journal;
  readonly oxe: Oxe;
  readonly sessions: Sessions;
  readonly subscriptions: Subscriptions;
  readonly links: DrLinks;
  readonly exchange: Exchange;
  readonly rtpPlayer: RtpPlayer;
  readonly urls: Urls;
  readonly readiness: Readiness;
}

/** Whether the server answers yet, since when it runs, and how it refuses on purpose. */
export interface Readiness {
  /** False while O2G initialises: every request is answered with 503 NOT_READY. */
  ready: boolean;
  startedAt: number;
  /** When set, the next subscription requests are refused with this message. */
  subscriptionRefusal: string | undefined;
  /** URLs of webhooks that are told of a start, also after a restart. */
  readonly serverStartWebhooks: Set<string>;
}
