/**
 * What the sidebar shows: servers, links, every device, recordings under way, recent errors. Each answer has a revision; whoever gives it back gets what has
 * changed since. Rows are made when they are asked for, so that a palette that nobody watches only notes the numbers of devices.
 */
import { randomUUID } from 'node:crypto';
import type { Coverage, Link, Session } from '../../../o2g';
import type { BuiltInRecorder } from '../recorder';
import { recordingsOf, type RecordingsView } from './recordings-view';
import { SystemView, type OxeNodeView } from './system-view';
import type { LinkNode, ServerNode } from '../config';

/** An editor is told of changes so often at most. */
const TELL_EVERY_MS = 500;
const MOST_ERRORS = 50;
/** While recordings are shown their levels change so often; the last answer is the one without them. */
const LEVELS_MS = 1000;

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
interface Watched {
  readonly node: LinkNode;
  readonly link: Link;
  readonly changedAt: Map<string, number>;
  inCall: ReadonlySet<string>;
}

export class Overview {
  /** Another start of Node-RED counts from the beginning. */
  readonly #epoch = randomUUID();
  readonly #onTell: (revision: string) => void;
  #revision = 1;
  /** Since this revision the nodes are those of the last deploy. */
  #deployedAt = 1;
  #timer: NodeJS.Timeout | undefined;
  #levels: NodeJS.Timeout | undefined;
  #servers: readonly ServerNode[] = [];
  #watched: readonly Watched[] = [];
  #recorders: readonly BuiltInRecorder[] = [];
  #leave: (() => void)[] = [];
  readonly #systems = new Map<Session, SystemView>();
  #errors: ErrorView[] = [];

  /** @param onTell is told that something has changed; a number of no phone is in it */
  constructor(onTell: (revision: string) => void) {
    this.#onTell = onTell;
  }

  /** Watches these nodes, and no others. */
  watch(
    servers: readonly ServerNode[],
    links: readonly LinkNode[],
    recorders: readonly BuiltInRecorder[],
  ): void {
    for (const leave of this.#leave.splice(0)) leave();
    this.#servers = servers;
    const sessions = new Set(servers.flatMap(({ session: { current } }) => (current ? [current] : [])));
    for (const session of this.#systems.keys()) if (!sessions.has(session)) this.#systems.delete(session);
    for (const server of servers) this.#watchServer(server);
    this.#watched = links.flatMap((node) =>
      node.link.current
        ? [{ node, link: node.link.current, changedAt: new Map<string, number>(), inCall: new Set<string>() }]
        : [],
    );
    for (const watched of this.#watched) this.#watchLink(watched);
    this.#recorders = recorders;
    for (const { onLevel } of recorders)
      this.#leave.push(
        onLevel.on(() => {
          this.#changed();
        }),
      );
    this.#revision += 1;
    this.#deployedAt = this.#revision;
    this.#changed();
  }

  /** Everything, or what has changed since a revision that an earlier answer gave. */
  since(revision: string | undefined): OverviewView {
    const [epoch, number] = (revision ?? '').split(' ');
    const since = epoch === this.#epoch ? Number(number) : 0;
    const whole = !(since >= this.#deployedAt);
    for (const watched of this.#watched) this.#followCalls(watched);
    const changed = this.#watched.flatMap((watched) =>
      numbersOf(watched, whole ? undefined : since).map((deviceNumber) => ({ watched, deviceNumber })),
    );
    const wanted = changed.filter(({ watched, deviceNumber }) => watched.link.wanted.has(deviceNumber));
    // What changes from now on is newer than this answer.
    const answered = this.#revision++;
    return {
      revision: `${this.#epoch} ${answered}`,
      whole,
      servers: this.#servers.map((server) => this.#serverView(server)),
      links: this.#watched.map(({ node, link }) => ({
        id: node.id,
        label: node.label,
        server: this.#serverOf(link),
        oxeNode: link.oxeNode,
        ...link.report,
      })),
      devices: wanted.map(({ watched, deviceNumber }) => deviceView(watched, deviceNumber)),
      gone: whole
        ? []
        : changed
            .filter((each) => !wanted.includes(each))
            .map(({ watched, deviceNumber }) => ({ link: watched.node.id, deviceNumber })),
      recordings: this.#recordings(),
      errors: this.#errors,
    };
  }

  #watchServer({ label, session: { current: session } }: ServerNode): void {
    if (!session) return;
    if (!this.#systems.has(session))
      this.#systems.set(
        session,
        new SystemView(session, () => {
          this.#changed();
        }),
      );
    this.#leave.push(
      session.onState.on(() => {
        this.#systems.get(session)?.outdate();
        this.#changed();
      }),
      session.onFailure.on(({ message }) => {
        this.#noteError(label, message);
      }),
      session.onEvent.on(({ eventName }) => {
        if (eventName.startsWith('OnCti') || eventName.startsWith('OnPbx'))
          this.#systems.get(session)?.outdate();
        this.#changed();
      }),
    );
  }

  #watchLink(watched: Watched): void {
    const { link, node, changedAt } = watched;
    let told = link.report.state;
    this.#leave.push(
      link.onChanged.on((deviceNumber) => {
        this.#changed();
        changedAt.set(deviceNumber, this.#revision);
      }),
      link.onState.on(({ state, reason }) => {
        if (state === 'refused' && state !== told) this.#noteError(node.label, reason);
        told = state;
        this.#changed();
        // What is in force is not known without a registration: that touches all of them.
        for (const deviceNumber of link.wanted.keys()) changedAt.set(deviceNumber, this.#revision);
      }),
      link.onCoverage.on(({ kind, deviceNumber, reason }) => {
        if (kind === 'unrecorded') this.#noteError(node.label, `${deviceNumber}: ${reason}`);
      }),
    );
  }

  /** Devices whose calls began or ended since the last question have changed. */
  #followCalls(watched: Watched): void {
    const { inCall } = watched.link;
    const moved = [
      ...[...inCall].filter((each) => !watched.inCall.has(each)),
      ...[...watched.inCall].filter((each) => !inCall.has(each)),
    ];
    for (const deviceNumber of moved) watched.changedAt.set(deviceNumber, this.#revision);
    watched.inCall = inCall;
  }

  /** What is recorded no more tells no level: whoever was shown something asks again. */
  #recordings(): RecordingsView {
    const recordings = recordingsOf(this.#recorders);
    clearTimeout(this.#levels);
    if (recordings.all > 0)
      this.#levels = setTimeout(() => {
        this.#changed();
      }, LEVELS_MS).unref();
    return recordings;
  }

  #changed(): void {
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#onTell(`${this.#epoch} ${this.#revision}`);
    }, TELL_EVERY_MS);
    this.#timer.unref();
  }

  #noteError(source: string, text: string): void {
    this.#errors = [{ at: new Date().toISOString(), source, text }, ...this.#errors].slice(0, MOST_ERRORS);
    this.#changed();
  }

  #serverView({ id, label, session: { current: session } }: ServerNode): ServerView {
    if (!session) return { id, label, nodes: [] };
    const { host, report, heardAt, metrics, info } = session;
    const others = info?.otherSessions?.length;
    const nodes = this.#systems.get(session)?.nodes ?? [];
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
function numbersOf({ link, changedAt }: Watched, since: number | undefined): string[] {
  if (since === undefined) return [...link.wanted.keys()];
  return [...changedAt].flatMap(([deviceNumber, revision]) => (revision > since ? [deviceNumber] : []));
}

function deviceView({ node, link, inCall }: Watched, deviceNumber: string): DeviceView {
  return {
    ...link.coverageOf(deviceNumber),
    link: node.id,
    user: link.userOf(deviceNumber),
    inCall: inCall.has(deviceNumber),
  };
}
