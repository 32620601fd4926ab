/** The OXE nodes of a server, asked for when somebody looks and what is known may be old; nobody looks, nothing is asked. */
import { onlyObjects, type Representation, type Session } from '../../../o2g';

export interface OxeNodeView {
  readonly oxeNode: number | undefined;
  readonly name: string;
  /** CTILinkState of the specification, or why there is none. */
  readonly state: string;
  /** DR links on it, those of others among them. */
  readonly drLinks: number;
}

/** What no event tells (a DR link of somebody else) is at most so old. */
const MAX_SYSTEM_VIEW_AGE_MS = 30_000;

export class SystemView {
  readonly #session: Session;
  readonly #onChanged: () => void;
  #nodes: readonly OxeNodeView[] = [];
  #requestedAt = 0;
  #isRequesting = false;

  constructor(session: Session, onChanged: () => void) {
    this.#session = session;
    this.#onChanged = onChanged;
  }

  /** What is known; asks again if that is old. */
  get nodes(): readonly OxeNodeView[] {
    if (
      this.#session.session.state === 'open' &&
      this.#session.info?.admin === true &&
      Date.now() - this.#requestedAt > MAX_SYSTEM_VIEW_AGE_MS
    )
      void this.#request();
    return this.#nodes;
  }

  /** What is known may be wrong now. */
  invalidate(): void {
    this.#requestedAt = 0;
  }

  async #request(): Promise<void> {
    if (this.#isRequesting) return;
    this.#isRequesting = true;
    this.#requestedAt = Date.now();
    try {
      const { pbxs } = await this.#session.perform('getSystemStatus', {}, undefined);
      const nodes = onlyObjects(pbxs).map(oxeNodeViewOf);
      if (JSON.stringify(nodes) !== JSON.stringify(this.#nodes)) {
        this.#nodes = nodes;
        this.#onChanged();
      }
    } catch {
      // Told by the session, if it is a matter of the connection; what was known stays.
    } finally {
      this.#isRequesting = false;
    }
  }
}

function oxeNodeViewOf({
  nodeId,
  name = '',
  connected,
  loaded,
  ctiLinkState,
  drLinks,
}: Representation<'PbxStatus'>): OxeNodeView {
  const state = connected === false || loaded === false ? 'NOT_READY' : (ctiLinkState ?? 'UNKNOWN');
  return { oxeNode: nodeId, name, state, drLinks: onlyObjects(drLinks).length };
}
