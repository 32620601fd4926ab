import type { ChannelEnd } from '../o2g';
import type { EventsPort, Override, Overrides, ResponseTiming, Listener } from '../http';
import type { World } from '../world';

/** What a restart does. */
export interface RestartOptions {
  /** How long the ports stay closed, in ms. @default 0 */
  readonly downMs?: number;
  /** How long every request is answered with 503 NOT_READY after that, in ms; `Infinity` until `ready()`. @default 0 */
  readonly notReadyMs?: number;
  /** How long the OXE nodes are not connected and loaded after that, in ms; `Infinity` until `nodeLoaded()`. @default 0 */
  readonly loadingMs?: number;
}

/** Everything that can go wrong. All of it happens at once; what lasts is ended by the method named in its text. */
export interface Faults {
  /** Closes both ports and resets every connection; sessions and links stay, as when the network is gone. Ended by `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Restarts O2G: sessions, subscriptions and links are lost, cookies worth nothing. Resolves when the ports are open again. */
  restart(options?: RestartOptions): Promise<void>;
  /** Every request is answered with 503 NOT_READY. Ended by `ready`. */
  notReady(): void;
  /** O2G is ready. When all nodes are loaded, too, the webhooks that asked for it are told by OnServerStart. */
  ready(): void;
  /** An OXE node is connected and loaded, or not. */
  nodeLoaded(nodeId: number, loaded: boolean): void;
  /**
   * Ends sessions, with their subscriptions, as if their lifetime had passed.
   * @param options.channel whether their channels are closed, or stay open with nothing but keepalives. @default 'close'
   * @param options.login only the sessions of this login. @default all
   */
  expireSession(options?: { readonly channel?: 'close' | 'keep'; readonly login?: string }): void;
  /** The links of a node, or one of them, are gone without a word. */
  forgetLink(nodeId: number, registrationId?: string): void;
  /** A device is no longer monitored (so not recorded, not beeped), without a word. */
  forgetMonitor(deviceNumber: string): void;
  /** A device is no longer recorded, without a word. */
  forgetRecording(deviceNumber: string): void;
  /** The keys of a recording change without a word: what is sent from now on can't be decrypted until it is recorded again. */
  rekey(deviceNumber: string): void;
  /** The CTI link of a node is lost: no event of its users any more. Ended by `ctiLinkUp`. @param options.loseLinks its DR links go, too */
  ctiLinkDown(nodeId: number, options?: { readonly loseLinks?: boolean }): void;
  ctiLinkUp(nodeId: number): void;
  /** Ends the open channels; the subscriptions stay and queue. @default 'reset' */
  dropChannel(how?: ChannelEnd): void;
  /** The open channels say nothing any more, keepalives included; with `'all'`, new ones neither. Ended by `unsilenceChannel`. @default 'open' */
  silenceChannel(which?: 'open' | 'all'): void;
  unsilenceChannel(): void;
  /** The next channels are refused. 403 and 404 mean what they say: the subscriptions are gone. @default once */
  refuseChannel(status: number, times?: number): void;
  /** Subscription requests are answered with REFUSED and this message. Ended by `undefined`. */
  refuseSubscription(message: string | undefined): void;
  /** Writes bytes into the open channels as they are. */
  writeRaw(bytes: Buffer | string): void;
  /**
   * Cuts what channels write: every write has the next of these sizes, in bytes, again from the start after the last;
   * or random sizes of 1 to 600, the same ones for the same seed. Ended by `undefined`.
   */
  splitChannel(how: readonly number[] | { readonly seed: number } | undefined): void;
  /** Every event is delivered so many times more. Ended by 0. */
  duplicateEvents(copies: number): void;
  /** So many of the next events vanish. */
  loseEvents(count: number): void;
  /** The next matching requests get another answer: delayed, wrong, dripping, or none. */
  answerNext(override: Override): void;
  /** Takes back what `answerNext` has not used yet. */
  clearAnswers(): void;
  /** The server thinks so many milliseconds before each answer. Ended by 0. */
  thinkTime(ms: number): void;
  /** Resets every connection; the ports stay open. */
  resetConnections(): void;
}

/** The parts that faults break. */
export interface FaultTargets {
  readonly world: World;
  readonly restListener: Listener;
  readonly eventsListener: Listener;
  readonly eventsPort: EventsPort;
  readonly overrides: Overrides;
  readonly timing: ResponseTiming;
  /** Writes a fault into the log. */
  readonly logFault: (what: string) => void;
  /** Runs something later, unless the simulator is closed before; never for `Infinity`, now for 0. */
  readonly schedule: (ms: number, run: () => void) => void;
}
