import type { Faults } from './faults';
import type { Observation } from './observation';
import type { Telephony } from './play';
import type { AnnouncedUrls } from './settings';

/** A running simulator. */
export interface Simulator extends Telephony, Observation, Faults {
  /** Origin of the REST port, such as `http://127.0.0.1:40123`: what a client is configured with. */
  readonly url: string;
  readonly port: number;
  readonly eventPort: number;
  /** Origin of the control port, when there is one. */
  readonly controlUrl: string | undefined;
  /** Login and password of the administrator. */
  readonly login: string;
  readonly password: string;
  /** Changes the names in URLs that answers give from now on. */
  announce(urls: AnnouncedUrls): void;
  /** Ends everything: ports, connections, timers, RTP, whatever is waited for. Again is harmless. */
  close(): Promise<void>;
}
