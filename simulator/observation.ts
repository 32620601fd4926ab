import type { EventsPort, Listener } from './http';
import type { Expectation, Expectations, RequestPattern, LoginAttempt, RequestRecord } from './journal';
import type { FlowCount } from './recording';
import type { Filter } from './o2g';
import type { World } from './world';

/** An open session, as tests see it. */
export interface SessionView {
  readonly login: string;
  readonly administrator: boolean;
  readonly application: string;
  readonly cookie: string;
  /** When it ends unless it is used, ms since 1970. */
  readonly expiresAt: number;
}

/** A subscription, as tests see it. */
export interface SubscriptionView {
  readonly id: string;
  readonly login: string;
  readonly filter: Filter;
  readonly timeout: number;
  readonly webHookUrl: string | undefined;
  /** Whether its channel is open. */
  readonly open: boolean;
  /** Events that wait for a channel, and those that fell out of the full queue. */
  readonly queued: number;
  readonly dropped: number;
}

/** A DR link, as tests see it. */
export interface LinkView {
  readonly registrationId: string;
  readonly nodeId: number;
  readonly type: 'NICE' | 'OTHER';
  readonly secure: boolean;
  readonly monitored: readonly string[];
  readonly recorded: readonly string[];
}

/** A recording in force, as tests see it. */
export interface RecordingView {
  readonly deviceNumber: string;
  readonly registrationId: string;
  /** The PCM time slot of a TDM recording. */
  readonly slot?: string;
  readonly ipRecorderAddr?: string;
  readonly sentFlowPort?: number;
  readonly receivedFlowPort?: number;
}

/** What can be seen of a simulator. Lists are copies, in the order of creation. */
export interface Observation {
  /** All requests on both ports, oldest first. */
  requests(): readonly RequestRecord[];
  /** Forgets the requests so far. */
  clearRequests(): void;
  /** Calls back with every request when it was answered. @returns a function that ends it */
  onRequest(listener: (request: RequestRecord) => void): () => void;
  /** What clients did against the specification, a sentence each. A test that ends with one has failed. */
  violations(): readonly string[];
  /** Forgets the violations so far: for tests that break a rule on purpose. */
  clearViolations(): void;
  /** Every authentication that was tried. */
  logins(): readonly LoginAttempt[];
  sessions(): SessionView[];
  subscriptions(): SubscriptionView[];
  /** The links of a node; of all nodes without it. Links of other recorders are not listed. */
  links(nodeId?: number): LinkView[];
  /** Devices monitored on a node's links; of all nodes without it. */
  monitored(nodeId?: number): string[];
  recorded(nodeId?: number): string[];
  beeping(nodeId?: number): string[];
  recordings(nodeId?: number): RecordingView[];
  /** Packets sent for a device, in all its recordings so far. */
  rtp(deviceNumber: string): FlowCount;
  /** Connections to both ports. */
  openSockets(): number;
  /** Open event channels. */
  channelCount(): number;
  /** Resolves with the first value of the predicate that is neither false nor undefined. @throws Error telling what came instead */
  once<T>(predicate: () => T, expectation?: Expectation): Promise<Exclude<T, false | undefined>>;
  /** Resolves with the next request that matches and was answered. @throws Error telling what came instead */
  nextRequest(pattern?: RequestPattern, expectation?: Expectation): Promise<RequestRecord>;
  /** Resolves when every event raised so far is written to the channels that read. */
  written(): Promise<void>;
}

interface ObservedParts {
  readonly world: World;
  readonly listeners: readonly Listener[];
  readonly eventsPort: EventsPort;
  readonly expectations: Expectations;
}

export function observationOf({ world, listeners, eventsPort, expectations }: ObservedParts): Observation {
  const { journal, sessions, subscriptions, links } = world;
  const clientLinks = (nodeId?: number): ReturnType<typeof links.all> =>
    links
      .all()
      .filter((link) => link.owner !== undefined && (nodeId === undefined || link.node.nodeId === nodeId));
  const devices = (nodeId?: number) =>
    clientLinks(nodeId).flatMap((link) => [...link.devices.values()].map((linked) => ({ ...linked, link })));
  return {
    requests: () => [...journal.requests],
    clearRequests: () => {
      journal.requests.length = 0;
    },
    onRequest: (listener) =>
      journal.onChange((answered) => {
        if (answered) listener(answered);
      }),
    violations: () => [...journal.violations],
    clearViolations: () => {
      journal.violations.length = 0;
    },
    logins: () => [...journal.logins],
    sessions: () =>
      [...sessions.open.values()].map(({ login, administrator, application, credential, expiresAt }) => ({
        login,
        administrator,
        application,
        cookie: credential.token,
        expiresAt,
      })),
    subscriptions: () =>
      [...subscriptions.all.values()].map(
        ({ id, subscriber, filter, timeout, webhook, channel, queue, dropped }) => ({
          id,
          login: subscriber.login,
          filter,
          timeout,
          webHookUrl: webhook?.url.href,
          open: channel !== undefined,
          queued: queue.length,
          dropped,
        }),
      ),
    links: (nodeId) =>
      clientLinks(nodeId).map((link) => ({
        registrationId: link.id,
        nodeId: link.node.nodeId,
        type: link.type,
        secure: link.secure,
        monitored: [...link.devices.keys()],
        recorded: [...link.devices.values()]
          .filter(({ recording }) => recording)
          .map(({ device }) => device.id),
      })),
    monitored: (nodeId) => devices(nodeId).map(({ device }) => device.id),
    recorded: (nodeId) =>
      devices(nodeId)
        .filter(({ recording }) => recording)
        .map(({ device }) => device.id),
    beeping: (nodeId) =>
      devices(nodeId)
        .filter(({ beep }) => beep)
        .map(({ device }) => device.id),
    recordings: (nodeId) =>
      devices(nodeId).flatMap(({ device, recording, link }): RecordingView[] => {
        const view = { deviceNumber: device.id, registrationId: link.id };
        if (!recording) return [];
        if (!recording.ip) return [{ ...view, slot: recording.slot }];
        const { ipRecorderAddr, sentFlowPort, receivedFlowPort } = recording;
        return [{ ...view, ipRecorderAddr, sentFlowPort, receivedFlowPort }];
      }),
    rtp: (deviceNumber) => world.rtpPlayer.count(deviceNumber),
    openSockets: () => listeners.reduce((sum, listener) => sum + listener.openSockets, 0),
    channelCount: () => eventsPort.channels.length,
    once: (predicate, expectation) => expectations.once(predicate, expectation),
    nextRequest: (pattern, expectation) => expectations.nextRequest(pattern, expectation),
    written: () => subscriptions.written(),
  };
}
