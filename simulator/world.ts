import type { Exchange } from './oxe/exchange';
import type { Journal } from './journal/journal';
import type { Links } from './recording/dr-links';
import type { Media } from './recording/rtp-player';
import type { Oxe } from './oxe/oxe';
import type { Settings } from './settings/options';
import type { Sessions } from './o2g/sessions';
import type { Subscriptions } from './o2g/subscriptions';
import type { Urls } from './o2g/urls';

/** The parts of a simulator, as its request handlers, faults and observers see them. */
export interface World {
  readonly settings: Settings;
  readonly journal: Journal;
  readonly oxe: Oxe;
  readonly sessions: Sessions;
  readonly subscriptions: Subscriptions;
  readonly links: Links;
  readonly exchange: Exchange;
  readonly media: Media;
  readonly urls: Urls;
  readonly readiness: Readiness;
}

/** Whether the server answers yet, since when it runs, and how it refuses on purpose. */
export interface Readiness {
  /** False while O2G initialises: every request is answered with 503 NOT_READY. */
  ready: boolean;
  startedAt: number;
  /** When set, the next subscription requests are refused with this message. */
  refuseSubscription: string | undefined;
  /** URLs of webhooks that are told of a start, also after a restart. */
  readonly startListeners: Set<string>;
}
