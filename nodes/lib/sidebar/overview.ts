/**
 * What the sidebar shows: servers, links, every device, recordings under way, recent errors. Each answer has a revision; whoever gives it back gets what has
 * changed since. Rows are made when they are asked for, so that a palette that nobody watches only notes the numbers of devices.
 */
import { randomUUID } from 'node:crypto';
import type { Coverage, Link, Session } from '../../../o2g';
import type { RecorderAdapter } from '../recorder';
import { recordingsOf, type RecordingsView } from './recordings-view';
import { SystemView, type OxeNodeView } from './system-view';
import { rowsOf, type LinkNode, type RefusedLink, type ServerNode } from '../config';

/** An editor is told of changes so often at most. */
const NOTIFY_INTERVAL_MS = 500;
const MAX_RECENT_ERRORS = 50;
/** While recordings are shown their levels change so often; the last answer is the one without them. */
const LEVELS_INTERVAL_MS = 1000;

export interface ErrorView {
  /** ISO 8601 UTC. */
  readonly at: string;
  readonly source: string;
  readonly text: string;
}

export interface ServerView extends Partial<Session['report']> {
  readonly id: string;
  readonly label: string;
  /** The site that is spoken to. */
  readonly site?: string;
  /** ISO 8601 UTC: when the event channel last brought anything. */
  readonly heardAt?: string | undefined;
  readonly metrics?: Session['metrics'];
  /** Other sessions of the same account, which the server told of when ours was opened. */
  readonly otherSessions?: number;
  readonly nodes: readonly OxeNodeView[];
}

export interface LinkView extends Partial<Link['report']> {
  readonly id: string;
  readonly label: string;
  readonly server: string;
  readonly oxeNode: number;
}

export interface DeviceView extends Coverage {
  /** The id of its link. */
  readonly link: string;
  readonly user?: string | undefined;
  readonly inCall: boolean;
}

export interface OverviewView {
  /** To be given with the next question. */
  readonly revision: string;
  /** All devices are in it, not only those that changed. */
  readonly whole: boolean;
  readonly servers: readonly ServerView[];
  readonly links: readonly LinkView[];
  readonly devices: readonly DeviceView[];
  readonly gone: readonly { readonly link: string; readonly deviceNumber: string }[];
  readonly recordings: RecordingsView;
  readonly errors: readonly ErrorView[];
}

/** A link that is watched, with the revision in which each of its devices last changed. */
interface WatchedLink {
  readonly node: LinkNode;
  readonly link: Link;
  readonly changedAt: Map<string, number>;
  inCall: ReadonlySet<string>;
}

export class Overview {
  /** Another start of Node-RED counts from the beginning. */
  readonly #epoch = randomUUID();
  readonly #notify: (revision: string) => void;
  #revision = 1;
  /** Since this revision the nodes are those of the last deploy. */
  #deployedAt = 1;
  #notifyTimer: NodeJS.Timeout | undefined;
  #levelsTimer: NodeJS.Timeout | undefined;
  #servers: readonly ServerNode[] = [];
  #watchedLinks: readonly WatchedLink[] = [];
  #refusedLinks: readonly RefusedLink[] = [];
  #recorders: readonly RecorderAdapter[] = [];
  #offs: (() => void)[] = [];
  readonly #systemViews = new Map<Session, SystemView>();
  #errors: ErrorView[] = [];

  /** @param notify is told that something has changed; a number of no phone is in it */
  constructor(notify: (revision: string) => void) {
    this.#notify = notify;
  }

  /** Watches these nodes, and no others. */
  watch(
    servers: readonly ServerNode[],
    links: readonly LinkNode[],
    refusedLinks: readonly RefusedLink[],
    recorders: readonly RecorderAdapter[],
  ): void {
    for (const off of this.#offs.splice(0)) off();
    this.#servers = servers;
    const sessions = new Set(servers.flatMap(({ session: { current } }) => (current ? [current] : [])));
    for (const session of this.#systemViews.keys())
      if (!sessions.has(session)) this.#systemViews.delete(session);
    for (const server of servers) this.#watchServer(server);
    this.#watchedLinks = links.flatMap((node) =>
      node.link.current
        ? [{ node, link: node.link.current, changedAt: new Map<string, number>(), inCall: new Set<string>() }]
        : [],
    );
    for (const watched of this.#watchedLinks) this.#watchLink(watched);
    this.#refusedLinks = refusedLinks;
    this.#recorders = recorders;
    for (const { onLevel } of recorders)
      this.#offs.push(
        onLevel.on(() => {
          this.#scheduleNotify();
        }),
      );
    this.#revision += 1;
    this.#deployedAt = this.#revision;
    this.#scheduleNotify();
  }

  /** Everything, or what has changed since a revision that an earlier answer gave. */
  since(revision: string | undefined): OverviewView {
    const [epoch, number] = (revision ?? '').split(' ');
    const since = epoch === this.#epoch ? Number(number) : 0;
    const whole = !(since >= this.#deployedAt);
    for (const watched of this.#watchedLinks) this.#updateInCall(watched);
    const changed = this.#watchedLinks.flatMap((watched) =>
      deviceNumbersOf(watched, whole ? undefined : since).map((deviceNumber) => ({ watched, deviceNumber })),
    );
    const desired = changed.filter(({ watched, deviceNumber }) =>
      watched.link.desiredStates.has(deviceNumber),
    );
    // What changes from now on is newer than this answer.
    const answerRevision = this.#revision++;
    return {
      revision: `${this.#epoch} ${answerRevision}`,
      whole,
      servers: this.#servers.map((server) => this.#serverView(server)),
      links: [
        ...this.#watchedLinks.map(({ node, link }) => ({
          id: node.id,
          label: node.label,
          server: this.#serverOf(link),
          oxeNode: link.oxeNode,
          ...link.report,
        })),
        ...this.#refusedLinks.map(refusedLinkView),
      ],
      devices: [
        ...desired.map(({ watched, deviceNumber }) => deviceView(watched, deviceNumber)),
        // They change with a deploy only, after which everything is asked for.
        ...(whole ? this.#refusedLinks.flatMap(refusedDeviceViews) : []),
      ],
      gone: whole
        ? []
        : changed
            .filter((each) => !desired.includes(each))
            .map(({ watched, deviceNumber }) => ({ link: watched.node.id, deviceNumber })),
      recordings: this.#recordings(),
      errors: this.#errors,
    };
  }

  #watchServer({ label, session: { current: session } }: ServerNode): void {
    if (!session) return;
    if (!this.#systemViews.has(session))
      this.#systemViews.set(
        session,
        new SystemView(session, () => {
          this.#scheduleNotify();
        }),
      );
    this.#offs.push(
      session.onState.on(() => {
        this.#systemViews.get(session)?.invalidate();
        this.#scheduleNotify();
      }),
      session.onFailure.on(({ message }) => {
        this.#noteError(label, message);
      }),
      session.onEvent.on(({ eventName }) => {
        if (eventName.startsWith('OnCti') || eventName.startsWith('OnPbx'))
          this.#systemViews.get(session)?.invalidate();
        this.#scheduleNotify();
      }),
    );
  }

  #watchLink(watched: WatchedLink): void {
    const { link, node, changedAt } = watched;
    let reportedState = link.report.state;
    this.#offs.push(
      link.onChanged.on((deviceNumber) => {
        this.#scheduleNotify();
        changedAt.set(deviceNumber, this.#revision);
      }),
      link.onState.on(({ state, reason }) => {
        if (state === 'refused' && state !== reportedState) this.#noteError(node.label, reason);
        reportedState = state;
        this.#scheduleNotify();
        // What is in force is not known without a registration: that touches all of them.
        for (const deviceNumber of link.desiredStates.keys()) changedAt.set(deviceNumber, this.#revision);
      }),
      link.onCoverage.on(({ kind, deviceNumber, reason }) => {
        if (kind === 'unrecorded') this.#noteError(node.label, `${deviceNumber}: ${reason}`);
      }),
    );
  }

  /** Devices whose calls began or ended since the last question have changed. */
  #updateInCall(watched: WatchedLink): void {
    const { inCall } = watched.link;
    const changedDevices = [
      ...[...inCall].filter((each) => !watched.inCall.has(each)),
      ...[...watched.inCall].filter((each) => !inCall.has(each)),
    ];
    for (const deviceNumber of changedDevices) watched.changedAt.set(deviceNumber, this.#revision);
    watched.inCall = inCall;
  }

  /** What is recorded no more tells no level: whoever was shown something asks again. */
  #recordings(): RecordingsView {
    const recordings = recordingsOf(this.#recorders);
    clearTimeout(this.#levelsTimer);
    if (recordings.all > 0)
      this.#levelsTimer = setTimeout(() => {
        this.#scheduleNotify();
      }, LEVELS_INTERVAL_MS).unref();
    return recordings;
  }

  #scheduleNotify(): void {
    if (this.#notifyTimer) return;
    this.#notifyTimer = setTimeout(() => {
      this.#notifyTimer = undefined;
      this.#notify(`${this.#epoch} ${this.#revision}`);
    }, NOTIFY_INTERVAL_MS);
    this.#notifyTimer.unref();
  }

  #noteError(source: string, text: string): void {
    this.#errors = [{ at: new Date().toISOString(), source, text }, ...this.#errors].slice(
      0,
      MAX_RECENT_ERRORS,
    );
    this.#scheduleNotify();
  }

  #serverView({ id, label, session: { current: session } }: ServerNode): ServerView {
    if (!session) return { id, label, nodes: [] };
    const { host, report, heardAt, metrics, info } = session;
    const others = info?.otherSessions?.length;
    const nodes = this.#systemViews.get(session)?.nodes ?? [];
    return {
      id,
      label,
      site: host,
      ...report,
      heardAt,
      metrics,
      ...(others === undefined ? {} : { otherSessions: others }),
      nodes,
    };
  }

  #serverOf(link: Link): string {
    return this.#servers.find(({ session }) => session.current === link.session)?.id ?? '';
  }
}

/** The devices of a link; with a revision those that changed after it, which may be desired no more. */
function deviceNumbersOf({ link, changedAt }: WatchedLink, since: number | undefined): string[] {
  if (since === undefined) return [...link.desiredStates.keys()];
  return [...changedAt].flatMap(([deviceNumber, revision]) => (revision > since ? [deviceNumber] : []));
}

const refusedLinkView = ({ node, reason, since }: RefusedLink): LinkView => ({
  id: node.id,
  label: node.label,
  server: node.serverId,
  oxeNode: node.oxeNode,
  state: 'refused',
  reason,
  since,
});

function refusedDeviceViews(refused: RefusedLink): DeviceView[] {
  return rowsOf(refused).map(
    ({ node, devices = '', deviceNumber = devices, desired, actual, reason, since }) => ({
      deviceNumber,
      desired,
      actual,
      reason,
      since,
      confirmed: false,
      link: node.id,
      inCall: false,
    }),
  );
}

function deviceView({ node, link, inCall }: WatchedLink, deviceNumber: string): DeviceView {
  return {
    ...link.coverageOf(deviceNumber),
    link: node.id,
    user: link.userOf(deviceNumber),
    inCall: inCall.has(deviceNumber),
  };
}
