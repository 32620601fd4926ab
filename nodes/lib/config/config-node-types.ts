/** The config nodes as the other nodes see them. */
import type { Node } from 'node-red';
import type { Link, Session } from '../../../o2g';
import type { RecorderAdapter } from '../recorder';
import type { SharedResource } from '../lifecycle';

export interface ServerNode extends Node {
  /** How messages call it: its name, else its address. */
  readonly label: string;
  readonly session: SharedResource<Session>;
  readonly users: Record<string, Node>;
}

export interface LinkNode extends Node {
  /** How messages call it: its name, else its OXE node. */
  readonly label: string;
  readonly oxeNode: number;
  /** The id of its server, as configured. */
  readonly serverId: string;
  /** The devices of its own lists, also when the rest of its configuration is refused. */
  readonly devices: ReadonlySet<string>;
  /** Those of them that it keeps recorded. */
  readonly recordedDevices: ReadonlySet<string>;
  /** The text of a list that can't be read; undefined when both can. */
  readonly unreadableDevices: string | undefined;
  readonly link: SharedResource<Link>;
  /** The id of its built-in recorder; undefined for none. */
  readonly media: string | undefined;
  readonly users: Record<string, Node>;
}

export interface RecorderNode extends Node {
  /** How messages call it: its name, else its address. */
  readonly label: string;
  readonly recorder: SharedResource<RecorderAdapter>;
  readonly users: Record<string, Node>;
}
