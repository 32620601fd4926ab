/** The OXE nodes of a server, asked for when somebody looks and what is known may be old; nobody looks, nothing is asked. */
import { objectsIn, type Representation, type Session } from '../../../o2g';

export interface OxeNodeView {
  readonly oxeNode: number | undefined;
  readonly name: string;
  /** CTILinkState of the specification, or why there is none. */
  readonly state: string;
  /** DR links on it, those of others among them. */
  readonly drLinks: number;
}

/** What no event tells (a DR link of somebody else) is at most so old. */
const FRESH_MS = 30_000;

export class SystemView {
  readonly #session: Session;
  readonly #onNews: () => void;
  #nodes: readonly OxeNodeView[] = [];
  #askedAt = 0;
  #asking = false;

  constructor(session: Session, onNews: () => void) {
    this.#session = session;
    this.#onNews = onNews;
  }

  /** What is known; asks again if that is old. */
  get nodes(): readonly OxeNodeView[] {
    if (
      this.#session.report.state === 'connected' &&
      this.#session.info?.admin === true &&
      Date.now() - this.#askedAt > FRESH_MS
    )
      void this.#ask();
    return this.#nodes;
  }

  /** What is known may be wrong now. */
  outdate(): void {
    this.#askedAt = 0;
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    this.#askedAt = Date.now();
    try {
      const { pbxs } = await this.#session.call('getSystemStatus', {}, undefined);
      const nodes = objectsIn(pbxs).map(viewOf);
      if (JSON.stringify(nodes) !== JSON.stringify(this.#nodes)) {
        this.#nodes = nodes;
        this.#onNews();
      }
    } catch {
      // Told by the session, if it is a matter of the connection; what was known stays.
    } finally {
      this.#asking = false;
    }
  }
}

function viewOf({
  nodeId,
  name = '',
  connected,
  loaded,
  ctiLinkState,
  drLinks,
}: Representation<'PbxStatus'>): OxeNodeView {
  const state = connected === false || loaded === false ? 'NOT_READY' : (ctiLinkState ?? 'UNKNOWN');
  return { oxeNode: nodeId, name, state, drLinks: objectsIn(drLinks).length };
}
